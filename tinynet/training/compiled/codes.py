"""What the numbers in a table of layers stand for."""

# layers: a matrix, functions of each element by itself, and functions of rows
DENSE, SIGMOID, TANH, RELU, LEAKY, ELU, SILU, SOFTPLUS, GELU, GELU_BY_TANH, MISH = range(11)
SOFTMAX, LOG_SOFTMAX, PRELU, NORMALIZE = range(11, 15)
DROPOUT, BATCH_NORM, LAYER_NORM = range(15, 18)  # which keep something for their gradient
FORK, JOIN = range(18, 20)  # the beginning and the end of a Residual

MSE, L1, HUBER, BCE, BCE_LOGITS, KL_DIV, CROSS_ENTROPY = range(7)  # losses

SGD, ADAM, ADAMW, RMSPROP, ADAGRAD = range(5)  # optimizers
DESCENT, BLOCKS, GRADIENT = range(5, 8)  # plain SGD, the same in blocks, and no update at all
