#include "include/onednn_shim.h"

#include "guard.h"
#include "onednn_versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// ---------------------------------------------------------------------------------------------------------------------
// Engine and stream, made at the first call.

static dnnl_engine_t engine;
static dnnl_stream_t stream;

/// Whether there are addresses left for what oneDNN takes while it compiles a kernel: where it gets none for the code itself,
/// oneDNN 2.6 writes to address 0.
static dnnl_status_t room(void) {
    const size_t needed = 24 << 20;
    void *start = mmap(NULL, needed, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (start == MAP_FAILED) return dnnl_out_of_memory;
    munmap(start, needed);
    return dnnl_success;
}

static dnnl_status_t start(void) {
    if (stream) return dnnl_success;
    TRY(room());
    if (!engine) TRY(dnnl_engine_create(&engine, dnnl_cpu, 0));
    return dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
}

const char *ptd_version(void) {
    static char text[32];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
    return text;
}

// ---------------------------------------------------------------------------------------------------------------------
// A layout is the form of every matrix of one shape: oneDNN's own for 32-bit floats, the plain one, by rows or by columns, for
// bfloat16. It owns the primitives made for that shape.

typedef struct product {
    int64_t m, lda, ldc;
    bool bias, accumulate;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, c, bias_memory;
    uint64_t used;  // when last, by the layout's clock
    struct product *next;
} product;

/// A layout keeps so many primitives, which are looked for in so many lists. A training run has fewer shapes: rows come in
/// multiples of 16 up to the tokens of a pass.
enum { most_products = 128, list_count = 64 };

typedef struct layout {
    int64_t k, n;
    dnnl_data_type_t type;
    bool transposed;     // of bfloat16: whether it is [n × k]
    descriptor relaid;
    dnnl_memory_t plain;  // of bfloat16: the matrix of the product that is being done
    product *lists[list_count];
    int count;
    uint64_t clock;
    struct layout *next;
} layout;

struct ptd_packed {
    layout *layout;
    dnnl_memory_t memory;
};

static layout *layouts;

/// Rows for which the layout is chosen: the size of a typical training batch. Measured to serve one row as well.
enum { typical_rows = 512 };

static dnnl_status_t find_layout(int64_t k, int64_t n, layout **result) {
    for (layout *l = layouts; l; l = l->next)
        if (l->type == dnnl_f32 && l->k == k && l->n == n) {
            *result = l;
            return dnnl_success;
        }
    TRY(room());
    descriptor a, b, c;
    dnnl_primitive_desc_t primitive;
    TRY(describe(&a, dnnl_f32, typical_rows, k, k, 1));
    dnnl_status_t status = describe_any(&b, k, n);
    if (status == dnnl_success) {
        status = describe(&c, dnnl_f32, typical_rows, n, n, 1);
        if (status == dnnl_success) {
            status = matmul(&primitive, engine, REF(a), REF(b), NO_DESCRIPTOR, REF(c), NULL);
            destroy_descriptor(&c);
        }
        destroy_descriptor(&b);
    }
    destroy_descriptor(&a);
    TRY(status);
    layout *l = calloc(1, sizeof *l);
    status = l ? copy_descriptor(&l->relaid, dnnl_primitive_desc_query_md(primitive, dnnl_query_weights_md, 0))
               : dnnl_out_of_memory;
    dnnl_primitive_desc_destroy(primitive);
    if (status != dnnl_success) {
        free(l);
        return status;
    }
    l->k = k;
    l->n = n;
    l->type = dnnl_f32;
    l->next = layouts;
    layouts = l;
    *result = l;
    return dnnl_success;
}

static dnnl_status_t find_plain_layout(int64_t k, int64_t n, bool transposed, layout **result) {
    for (layout *l = layouts; l; l = l->next)
        if (l->type == dnnl_bf16 && l->k == k && l->n == n && l->transposed == transposed) {
            *result = l;
            return dnnl_success;
        }
    TRY(room());
    layout *l = calloc(1, sizeof *l);
    if (!l) return dnnl_out_of_memory;
    *l = (layout){.k = k, .n = n, .type = dnnl_bf16, .transposed = transposed};
    dnnl_status_t status = describe(&l->relaid, l->type, k, n, transposed ? 1 : n, transposed ? k : 1);
    if (status == dnnl_success) {
        status = dnnl_memory_create(&l->plain, REF(l->relaid), engine, DNNL_MEMORY_NONE);
        if (status != dnnl_success) destroy_descriptor(&l->relaid);
    }
    if (status != dnnl_success) {
        free(l);
        return status;
    }
    l->next = layouts;
    layouts = l;
    *result = l;
    return dnnl_success;
}

static void release_product(product *p) {
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    if (p->a) dnnl_memory_destroy(p->a);
    if (p->c) dnnl_memory_destroy(p->c);
    if (p->bias_memory) dnnl_memory_destroy(p->bias_memory);
    free(p);
}

/// Lets go of the primitive that was not used for the longest time.
static void release_oldest(layout *l) {
    product **oldest = NULL;
    for (int i = 0; i < list_count; i++)
        for (product **link = &l->lists[i]; *link; link = &(*link)->next)
            if (!oldest || (*link)->used < (*oldest)->used) oldest = link;
    if (!oldest) return;
    product *p = *oldest;
    *oldest = p->next;
    release_product(p);
    l->count--;
}

/// The attributes of a product; NULL where it does not add to what is there.
static dnnl_status_t make_attributes(bool accumulate, dnnl_primitive_attr_t *attributes) {
    *attributes = NULL;
    if (!accumulate) return dnnl_success;
    dnnl_post_ops_t operations;
    TRY(dnnl_post_ops_create(&operations));
    dnnl_status_t status = append_sum(operations);
    if (status == dnnl_success) status = dnnl_primitive_attr_create(attributes);
    if (status == dnnl_success) status = dnnl_primitive_attr_set_post_ops(*attributes, operations);
    dnnl_post_ops_destroy(operations);
    if (status != dnnl_success && *attributes) dnnl_primitive_attr_destroy(*attributes);
    return status;
}

/// Makes the primitive of a product whose sizes are known.
static dnnl_status_t make_product(const layout *l, product *p, const_descriptor a, const_descriptor c, const_descriptor bias) {
    dnnl_primitive_attr_t attributes;
    dnnl_primitive_desc_t description;
    TRY(make_attributes(p->accumulate, &attributes));
    dnnl_status_t status =
        matmul(&description, engine, a, REF(l->relaid), p->bias ? bias : NO_DESCRIPTOR, c, attributes);
    if (attributes) dnnl_primitive_attr_destroy(attributes);
    TRY(status);
    status = dnnl_primitive_create(&p->primitive, description);
    dnnl_primitive_desc_destroy(description);
    if (status == dnnl_success) status = dnnl_memory_create(&p->a, a, engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&p->c, c, engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success) status = dnnl_memory_create(&p->bias_memory, bias, engine, DNNL_MEMORY_NONE);
    return status;
}

static dnnl_status_t find_product(
    layout *l, int64_t m, int64_t lda, int64_t ldc, bool bias, bool accumulate, product **result) {
    // Rows differ most: up to 16, or multiples of 16.
    product **list = &l->lists[(uint64_t)(m <= 16 ? m : m / 16) % list_count];
    for (product *p = *list; p; p = p->next)
        if (p->m == m && p->lda == lda && p->ldc == ldc && p->bias == bias && p->accumulate == accumulate) {
            p->used = ++l->clock;
            *result = p;
            return dnnl_success;
        }
    TRY(room());
    product *p = calloc(1, sizeof *p);
    if (!p) return dnnl_out_of_memory;
    *p = (product){.m = m, .lda = lda, .ldc = ldc, .bias = bias, .accumulate = accumulate};
    descriptor a, c, b;
    dnnl_status_t status = describe(&a, l->type, m, l->k, lda, 1);
    if (status == dnnl_success) {
        status = describe(&c, dnnl_f32, m, l->n, ldc, 1);
        if (status == dnnl_success) {
            status = describe(&b, dnnl_f32, 1, l->n, l->n, 1);
            if (status == dnnl_success) {
                status = make_product(l, p, REF(a), REF(c), REF(b));
                destroy_descriptor(&b);
            }
            destroy_descriptor(&c);
        }
        destroy_descriptor(&a);
    }
    if (status != dnnl_success) {
        release_product(p);
        return status;
    }
    if (l->count == most_products) release_oldest(l);
    p->used = ++l->clock;
    p->next = *list;
    *list = p;
    l->count++;
    *result = p;
    return dnnl_success;
}

int ptd_product_count(const ptd_packed *matrix) { return matrix->layout->count; }

// ---------------------------------------------------------------------------------------------------------------------

static dnnl_status_t pack(const float *source, int64_t k, int64_t n, bool transposed, ptd_packed **result) {
    TRY(start());
    layout *l;
    TRY(find_layout(k, n, &l));
    descriptor plain;
    TRY(transposed ? describe(&plain, dnnl_f32, k, n, 1, k) : describe(&plain, dnnl_f32, k, n, n, 1));
    dnnl_memory_t from = NULL, to = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t reorder = NULL;
    dnnl_status_t status = dnnl_memory_create(&from, REF(plain), engine, (void *)source);
    if (status == dnnl_success) status = dnnl_memory_create(&to, REF(l->relaid), engine, DNNL_MEMORY_ALLOCATE);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&description, REF(plain), engine, REF(l->relaid), engine, NULL);
    if (status == dnnl_success) status = dnnl_primitive_create(&reorder, description);
    if (status == dnnl_success) {
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        status = dnnl_primitive_execute(reorder, stream, 2, arguments);
    }
    if (status == dnnl_success) status = dnnl_stream_wait(stream);
    if (reorder) dnnl_primitive_destroy(reorder);
    if (description) dnnl_primitive_desc_destroy(description);
    if (from) dnnl_memory_destroy(from);
    destroy_descriptor(&plain);
    ptd_packed *matrix = status == dnnl_success ? calloc(1, sizeof *matrix) : NULL;
    if (!matrix) {
        if (to) dnnl_memory_destroy(to);
        return status == dnnl_success ? dnnl_out_of_memory : status;
    }
    matrix->layout = l;
    matrix->memory = to;
    *result = matrix;
    return dnnl_success;
}

struct pack_call {
    const float *source;
    int64_t k, n;
    bool transposed;
    ptd_packed **result;
};

static int run_pack(void *context) {
    const struct pack_call *call = context;
    return pack(call->source, call->k, call->n, call->transposed, call->result);
}

int ptd_pack(const float *source, int64_t k, int64_t n, bool transposed, ptd_packed **result) {
    struct pack_call call = {source, k, n, transposed, result};
    return ptd_guarded(run_pack, &call);
}

size_t ptd_packed_bytes(const ptd_packed *matrix) { return size_of(REF(matrix->layout->relaid)); }

void ptd_release(ptd_packed *matrix) {
    dnnl_memory_destroy(matrix->memory);
    free(matrix);
}

struct multiply_call {
    const ptd_packed *matrix;
    const float *a;
    int64_t lda, m;
    const float *bias;
    bool accumulate;
    float *c;
    int64_t ldc;
};

/// Runs the primitive of a product over one matrix.
static dnnl_status_t execute(const product *p, dnnl_memory_t matrix, const void *a, const float *bias, float *c) {
    TRY(dnnl_memory_set_data_handle(p->a, (void *)a));
    TRY(dnnl_memory_set_data_handle(p->c, c));
    dnnl_exec_arg_t arguments[4] = {{DNNL_ARG_SRC, p->a}, {DNNL_ARG_WEIGHTS, matrix}, {DNNL_ARG_DST, p->c}};
    int count = 3;
    if (bias) {
        TRY(dnnl_memory_set_data_handle(p->bias_memory, (void *)bias));
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, p->bias_memory};
    }
    TRY(dnnl_primitive_execute(p->primitive, stream, count, arguments));
    return dnnl_stream_wait(stream);
}

static int run_multiply(void *context) {
    const struct multiply_call *call = context;
    product *p;
    TRY(find_product(
        call->matrix->layout, call->m, call->lda, call->ldc, call->bias != NULL, call->accumulate, &p));
    return execute(p, call->matrix->memory, call->a, call->bias, call->c);
}

int ptd_multiply(
    const ptd_packed *matrix, const float *a, int64_t lda, int64_t m, const float *bias, bool accumulate, float *c,
    int64_t ldc) {
    if (m == 0) return dnnl_success;  // oneDNN 2.6 divides by it.
    struct multiply_call call = {matrix, a, lda, m, bias, accumulate, c, ldc};
    return ptd_guarded(run_multiply, &call);
}

struct bfloat16_call {
    const uint16_t *matrix;
    int64_t k, n;
    bool transposed;
    const uint16_t *a;
    int64_t m;
    const float *bias;
    bool accumulate;
    float *c;
};

static int run_bfloat16(void *context) {
    const struct bfloat16_call *call = context;
    layout *l;
    product *p;
    TRY(start());
    TRY(find_plain_layout(call->k, call->n, call->transposed, &l));
    TRY(find_product(l, call->m, call->k, call->n, call->bias != NULL, call->accumulate, &p));
    TRY(dnnl_memory_set_data_handle(l->plain, (void *)call->matrix));
    return execute(p, l->plain, call->a, call->bias, call->c);
}

int ptd_multiply_bfloat16(
    const uint16_t *matrix, int64_t k, int64_t n, bool transposed, const uint16_t *a, int64_t m, const float *bias,
    bool accumulate, float *c) {
    if (m == 0) return dnnl_success;  // oneDNN 2.6 divides by it.
    struct bfloat16_call call = {matrix, k, n, transposed, a, m, bias, accumulate, c};
    return ptd_guarded(run_bfloat16, &call);
}

int ptd_room(void) { return room(); }

struct gemm_call {
    bool transpose_a, transpose_b;
    int64_t m, n, k;
    const float *a;
    int64_t lda;
    const float *b;
    int64_t ldb;
    bool accumulate;
    float *c;
    int64_t ldc;
};

static int run_gemm(void *context) {
    const struct gemm_call *g = context;
    return dnnl_sgemm(
        g->transpose_a ? 'T' : 'N', g->transpose_b ? 'T' : 'N', g->m, g->n, g->k, 1.0f, g->a, g->lda, g->b, g->ldb,
        g->accumulate ? 1.0f : 0.0f, g->c, g->ldc);
}

int ptd_gemm(
    bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t lda, const float *b,
    int64_t ldb, bool accumulate, float *c, int64_t ldc) {
    if (k == 0 && !accumulate)  // An empty sum, which oneDNN leaves unwritten.
        for (int64_t i = 0; i < m; i++) memset(c + i * ldc, 0, (size_t)n * sizeof(float));
    struct gemm_call call = {transpose_a, transpose_b, m, n, k, a, lda, b, ldb, accumulate, c, ldc};
    return ptd_guarded(run_gemm, &call);
}
