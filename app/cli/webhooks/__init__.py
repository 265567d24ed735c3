"""scimd webhook: where events are pushed to, and what became of them."""
