"""The pages of a customer's administrator, who comes by a setup link; the tenant is that of the visit alone."""
