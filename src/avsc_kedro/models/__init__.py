"""The only Keras: networks, losses, feeds, training and embedding."""
