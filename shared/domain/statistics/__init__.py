"""Figures of closed trades: pure, exact where they are sums, rounded once where they are ratios."""
