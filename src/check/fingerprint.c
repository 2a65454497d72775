/* SPDX-License-Identifier: Apache-2.0
 *
 * Fingerprints of tensors and operators. */
#include "check/fingerprint.h"

#include "base/hash.h"
#include "onnx/graph/operator.h"

enum { PIECE = 1 << 16, WIDEST = 16 };

uint64_t hash_tensor(struct fingerprints *prints, const struct tensor *tensor)
{
    uint64_t hash = hash_mix(hash_mix(1, tensor->type), (uint64_t)tensor->rank);
    for (int axis = 0; axis < tensor->rank; axis++) hash = hash_mix(hash, (uint64_t)tensor->dims[axis]);
    if (tensor->type == DTYPE_STRING) {
        for (int64_t i = 0; i < tensor->count; i++) hash = hash_text(hash, tensor->strings[i]);
        return hash;
    }
    for (int64_t done = 0; done < tensor->count; done += PIECE) {
        int64_t count = tensor->count - done < PIECE ? tensor->count - done : PIECE, size = 0;
        if (!dtype_bytes(tensor->type, count, &size) || size > (int64_t)PIECE * WIDEST
            || !tensor_read_bytes(tensor, done, count, prints->piece, NULL)) {
            prints->failed = true;
            return hash_mix(hash, (uintptr_t)tensor);
        }
        hash = hash_bytes(hash, prints->piece, (size_t)size);
    }
    return hash;
}

void fingerprints_open(struct fingerprints *prints, struct arena *arena)
{
    *prints = (struct fingerprints){ .arena = arena, .piece = arena_alloc(arena, (size_t)PIECE * WIDEST) };
}

static uint64_t hash_proto(struct fingerprints *prints, const struct net *net, const BnfuseOnnx__TensorProto *proto)
{
    struct tensor tensor;
    if (proto && tensor_from_proto(&tensor, prints->arena, net->model, proto, NULL))
        return hash_tensor(prints, &tensor);
    prints->failed = true;
    return (uintptr_t)proto;
}

uint64_t hash_sparse(struct fingerprints *prints, const struct net *net, const BnfuseOnnx__SparseTensorProto *proto)
{
    uint64_t hash = hash_mix(hash_proto(prints, net, proto->values), hash_proto(prints, net, proto->indices));
    return hash_bytes(hash, proto->dims, proto->n_dims * sizeof *proto->dims);
}

static uint64_t hash_packed(struct fingerprints *prints, uint64_t hash, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(prints->arena, size);
    return hash_bytes(hash, bytes, protobuf_c_message_pack(message, bytes));
}

static uint64_t hash_attribute(struct fingerprints *prints, const struct net *net,
                               const BnfuseOnnx__AttributeProto *attribute)
{
    uint64_t hash = hash_text(hash_mix(2, (uint64_t)attribute->type), attribute->name);
    hash = hash_text(hash, attribute->ref_attr_name);
    hash = hash_bytes(hash, &attribute->f, sizeof attribute->f);
    hash = hash_mix(hash, (uint64_t)attribute->i);
    hash = hash_bytes(hash, attribute->s.data, attribute->s.len);
    hash = hash_bytes(hash, attribute->floats, attribute->n_floats * sizeof *attribute->floats);
    hash = hash_bytes(hash, attribute->ints, attribute->n_ints * sizeof *attribute->ints);
    for (size_t i = 0; i < attribute->n_strings; i++)
        hash = hash_bytes(hash, attribute->strings[i].data, attribute->strings[i].len);
    if (attribute->t) hash = hash_mix(hash, hash_proto(prints, net, attribute->t));
    for (size_t i = 0; i < attribute->n_tensors; i++)
        hash = hash_mix(hash, hash_proto(prints, net, attribute->tensors[i]));
    if (attribute->tp) hash = hash_packed(prints, hash, &attribute->tp->base);
    for (size_t i = 0; i < attribute->n_type_protos; i++)
        hash = hash_packed(prints, hash, &attribute->type_protos[i]->base);
    if (attribute->sparse_tensor) hash = hash_mix(hash, hash_sparse(prints, net, attribute->sparse_tensor));
    return hash;
}

/* Attributes count in any order. */
uint64_t hash_operator(struct fingerprints *prints, const struct net *net, const struct node *node)
{
    uint64_t attributes = 0, hash = hash_text(hash_text(3, node->op), node->domain);
    hash = hash_mix(hash, node->row ? (uint64_t)node->row->first : (uint64_t)node->opset);
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        attributes += hash_attribute(prints, net, node->proto->attribute[i]);
    return hash_mix(hash_mix(hash, attributes), node->output_count);
}
