"""Money limits and prop firms' rules: pure values, folded from marks, sticky where they must be."""
