"""The words of the product: errors, settings, the data contract and all date arithmetic."""
