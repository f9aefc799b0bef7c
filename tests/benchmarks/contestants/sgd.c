/* Gradient descent for a 784-100-10 network of sigmoids with mean squared error, in float32.
 *
 * The parameters lie in one vector: W1 (784, 100), b1, W2 (100, 10), b2; a row of W belongs to one
 * input, so that every inner loop runs over neighbours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IN = 784, HID = 100, OUT = 10 };

static float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

/* y = sigmoid(x W + b) for one example; `inputs` and `outputs` are constants after inlining. */
static inline void layer(int inputs, int outputs, const float *x, const float *W, const float *b,
                         float *restrict y)
{
    float z[HID];
    memcpy(z, b, outputs * sizeof(float));
    for (int i = 0; i < inputs; i++)
        for (int j = 0; j < outputs; j++)
            z[j] += x[i] * W[i * outputs + j];
    for (int j = 0; j < outputs; j++)
        y[j] = sigmoid(z[j]);
}

/* W -= x^T d, b -= the sum of d, over a batch; each row of W is read and written once. */
static inline void update(int inputs, int outputs, long batch, const float *const *x,
                          const float *d, float *restrict W, float *restrict b)
{
    for (int i = 0; i < inputs; i++)
        for (long n = 0; n < batch; n++)
            for (int j = 0; j < outputs; j++)
                W[i * outputs + j] -= x[n][i] * d[n * outputs + j];
    for (long n = 0; n < batch; n++)
        for (int j = 0; j < outputs; j++)
            b[j] -= d[n * outputs + j];
}

/* One pass over the rows in the given order (NULL: as they lie); returns the mean loss. */
double train(const float *x, const float *t, const long *order, long rows, long largest,
             float rate, float *p)
{
    float *W1 = p, *b1 = W1 + IN * HID, *W2 = b1 + HID, *b2 = W2 + HID * OUT;
    float *h = malloc(largest * HID * sizeof(float)), *d1 = malloc(largest * HID * sizeof(float));
    float *d2 = malloc(largest * OUT * sizeof(float)), y[OUT];
    const float **in = malloc(largest * sizeof *in), **hidden = malloc(largest * sizeof *hidden);
    double total = 0;

    for (long first = 0; first < rows; first += largest) {
        long batch = rows - first < largest ? rows - first : largest;
        float scale = 2 * rate / (OUT * batch);
        for (long n = 0; n < batch; n++) {
            long row = order ? order[first + n] : first + n;
            const float *target = t + row * OUT;
            float *hn = h + n * HID, *d1n = d1 + n * HID, *d2n = d2 + n * OUT, loss = 0;
            in[n] = x + row * IN, hidden[n] = hn;
            layer(IN, HID, in[n], W1, b1, hn);
            layer(HID, OUT, hn, W2, b2, y);
            for (int k = 0; k < OUT; k++) {
                float error = y[k] - target[k];
                loss += error * error;
                d2n[k] = scale * error * y[k] * (1 - y[k]);
            }
            for (int j = 0; j < HID; j++) {
                float back = 0;
                for (int k = 0; k < OUT; k++)
                    back += d2n[k] * W2[j * OUT + k];
                d1n[j] = back * hn[j] * (1 - hn[j]);
            }
            total += loss / OUT;
        }
        update(HID, OUT, batch, hidden, d2, W2, b2);
        update(IN, HID, batch, in, d1, W1, b1);
    }
    free(h), free(d1), free(d2), free(in), free(hidden);
    return total / rows;
}

/* Outputs (rows, 10). */
void predict(const float *x, long rows, const float *p, float *y)
{
    const float *W1 = p, *b1 = W1 + IN * HID, *W2 = b1 + HID, *b2 = W2 + HID * OUT;
    float h[HID];
    for (long n = 0; n < rows; n++) {
        layer(IN, HID, x + n * IN, W1, b1, h);
        layer(HID, OUT, h, W2, b2, y + n * OUT);
    }
}
