"""The only decoders and encoders."""
