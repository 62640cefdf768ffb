/// What differs between oneDNN 2.x (descriptors are plain structs) and 3.x (descriptors are opaque pointers).
#ifndef PREFIXTUNE_ONEDNN_VERSIONS_H
#define PREFIXTUNE_ONEDNN_VERSIONS_H

#include <dnnl.h>

#define TRY(call)                                   \
    do {                                            \
        dnnl_status_t status_ = (call);             \
        if (status_ != dnnl_success) return status_; \
    } while (0)

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t descriptor;
typedef const_dnnl_memory_desc_t const_descriptor;
#define NO_DESCRIPTOR NULL

static dnnl_status_t describe(
    descriptor *result, dnnl_data_type_t type, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
    dnnl_dims_t dims = {rows, columns}, strides = {row_stride, column_stride};
    return dnnl_memory_desc_create_with_strides(result, 2, dims, type, strides);
}
static dnnl_status_t describe_any(descriptor *result, int64_t rows, int64_t columns) {
    dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_create_with_tag(result, 2, dims, dnnl_f32, dnnl_format_tag_any);
}
static dnnl_status_t matmul(
    dnnl_primitive_desc_t *result, dnnl_engine_t engine, const_descriptor a, const_descriptor b, const_descriptor bias,
    const_descriptor c, dnnl_primitive_attr_t attributes) {
    return dnnl_matmul_primitive_desc_create(result, engine, a, b, bias, c, attributes);
}
static dnnl_status_t append_sum(dnnl_post_ops_t operations) {
    return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
}
static size_t size_of(const_descriptor d) { return dnnl_memory_desc_get_size(d); }
static dnnl_status_t copy_descriptor(descriptor *result, const_descriptor d) {
    return dnnl_memory_desc_clone(result, d);
}
static void destroy_descriptor(descriptor *d) { dnnl_memory_desc_destroy(*d); }
#define REF(d) (d)
#else
typedef dnnl_memory_desc_t descriptor;
typedef const dnnl_memory_desc_t *const_descriptor;
#define NO_DESCRIPTOR NULL

static dnnl_status_t describe(
    descriptor *result, dnnl_data_type_t type, int64_t rows, int64_t columns, int64_t row_stride, int64_t column_stride) {
    dnnl_dims_t dims = {rows, columns}, strides = {row_stride, column_stride};
    return dnnl_memory_desc_init_by_strides(result, 2, dims, type, strides);
}
static dnnl_status_t describe_any(descriptor *result, int64_t rows, int64_t columns) {
    dnnl_dims_t dims = {rows, columns};
    return dnnl_memory_desc_init_by_tag(result, 2, dims, dnnl_f32, dnnl_format_tag_any);
}
static dnnl_status_t matmul(
    dnnl_primitive_desc_t *result, dnnl_engine_t engine, const_descriptor a, const_descriptor b, const_descriptor bias,
    const_descriptor c, dnnl_primitive_attr_t attributes) {
    dnnl_matmul_desc_t operation;
    TRY(dnnl_matmul_desc_init(&operation, a, b, bias, c));
    return dnnl_primitive_desc_create(result, &operation, attributes, engine, NULL);
}
static dnnl_status_t append_sum(dnnl_post_ops_t operations) { return dnnl_post_ops_append_sum(operations, 1.0f); }
static size_t size_of(const_descriptor d) { return dnnl_memory_desc_get_size(d); }
static dnnl_status_t copy_descriptor(descriptor *result, const_descriptor d) {
    *result = *d;
    return dnnl_success;
}
static void destroy_descriptor(descriptor *d) { (void)d; }
#define REF(d) (&(d))
#endif

#endif
