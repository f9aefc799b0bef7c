"""dW, db or the gradient of another parameter is wrong."""
