"""What the numbers in a table of layers stand for."""

# layers; from DROPOUT on they keep something for their gradient
DENSE, SIGMOID, TANH, RELU, LEAKY, ELU, SILU, SOFTPLUS, SOFTMAX, LOG_SOFTMAX = range(10)
GELU, GELU_BY_TANH, MISH, DROPOUT, BATCH_NORM, LAYER_NORM = range(10, 16)

MSE, L1, HUBER, BCE_LOGITS, CROSS_ENTROPY = range(5)  # losses

SGD, ADAM, ADAMW, RMSPROP, ADAGRAD = range(5)  # optimizers
