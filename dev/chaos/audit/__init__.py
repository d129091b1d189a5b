"""The independent audit: shares no code with the product. What should agree is written down here by hand."""
