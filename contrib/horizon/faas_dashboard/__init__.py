"""Functions in Horizon: a panel group for projects, another for administrators."""
