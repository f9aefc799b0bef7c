/* The default run of examples/mnist.py in C: mnist FOLDER EPOCHS
 *
 * FOLDER holds the four MNIST files, unpacked. Prints the test accuracy after each epoch. */
#include "sgd.c"
#include <stdio.h>

enum { PARAMS = IN * HID + HID + HID * OUT + OUT };

/* The bytes behind the header of an IDX file. */
static unsigned char *read_idx(const char *folder, const char *name, long header, long size)
{
    char path[4096];
    unsigned char *bytes = malloc(size);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, header, SEEK_SET) || fread(bytes, 1, size, file) != (size_t)size) {
        fprintf(stderr, "mnist: cannot read %s\n", path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

static float *scaled(unsigned char *pixels, long size)
{
    float *x = malloc(size * sizeof *x);
    for (long n = 0; n < size; n++)
        x[n] = pixels[n] / 255.0f * 0.99f + 0.01f;
    free(pixels);
    return x;
}

static double uniform(void) { return (rand() + 0.5) / (RAND_MAX + 1.0); }

static float normal(void) { return sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform()); }

int main(int argc, char **argv)
{
    if (argc != 3)
        return fprintf(stderr, "usage: mnist FOLDER EPOCHS\n"), 2;
    long rows = 60000, test_rows = 10000, *order = malloc(rows * sizeof *order);
    float *x = scaled(read_idx(argv[1], "train-images-idx3-ubyte", 16, rows * IN), rows * IN);
    float *x_test = scaled(read_idx(argv[1], "t10k-images-idx3-ubyte", 16, test_rows * IN),
                           test_rows * IN);
    unsigned char *labels = read_idx(argv[1], "train-labels-idx1-ubyte", 8, rows);
    unsigned char *labels_test = read_idx(argv[1], "t10k-labels-idx1-ubyte", 8, test_rows);
    float *t = malloc(rows * OUT * sizeof *t), *y = malloc(test_rows * OUT * sizeof *y);
    float *p = calloc(PARAMS, sizeof *p);

    for (long n = 0; n < rows; n++) {
        order[n] = n;
        for (int k = 0; k < OUT; k++)
            t[n * OUT + k] = k == labels[n] ? 0.99f : 0.01f;
    }
    for (int i = 0; i < IN * HID; i++)
        p[i] = normal() / sqrtf(IN);
    for (int i = 0; i < HID * OUT; i++)
        p[IN * HID + HID + i] = normal() / sqrtf(HID);

    for (int epoch = 1; epoch <= atoi(argv[2]); epoch++) {
        for (long n = rows - 1; n > 0; n--) {
            long other = (long)(uniform() * (n + 1)), row = order[n];
            order[n] = order[other], order[other] = row;
        }
        double loss = train(x, t, order, rows, 1, 0.5f, p);
        long right = 0;
        predict(x_test, test_rows, p, y);
        for (long n = 0; n < test_rows; n++) {
            int best = 0;
            for (int k = 1; k < OUT; k++)
                if (y[n * OUT + k] > y[n * OUT + best])
                    best = k;
            right += best == labels_test[n];
        }
        printf("%d %.5f %.4f\n", epoch, loss, (double)right / test_rows);
    }
    return 0;
}
