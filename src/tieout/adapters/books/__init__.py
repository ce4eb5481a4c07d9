"""Books: what a firm believes, as a feed that answers now (`ports.Book`)."""
