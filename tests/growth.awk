# SPDX-License-Identifier: Apache-2.0
# growth.awk: a model of kind `kind` and size `n` as protobuf text.
#   chain     n x (Conv, BatchNormalization) in a row
#   row       a Conv, n BatchNormalizations in a row
#   fan       a Conv read by n BatchNormalizations
#   sum       the same, with one Sum of all
#   shared    n x (Conv, BatchNormalization) in a row, all Convs with one weight
#   concat    n x (Conv, BatchNormalization) of one input, joined by one Concat
#   same      a Conv, and a Sum of n times what it gives
#   inputs    n x (Conv, BatchNormalization), each with an input and an output of its own
#   relus     n x (Tanh, Relu, Relu) in a row
#   branches  n x (If of two branches, each a Conv and a BatchNormalization), all Convs with one weight
#   loop      a Loop that carries n values, each through a BatchNormalization

function numbers(name, dims, count, low,    i, text) {
    text = "initializer { name: \"" name "\" data_type: 1 " dims
    for (i = 0; i < count; i++) text = text sprintf(" float_data: %.3f", low + ((serial++ * 7919) % 1009) / 1009)
    print text " }"
}

function weight(name) { numbers(name, "dims: 4 dims: 4 dims: 1 dims: 1", 16, -0.5) }

function conv(from, w, to) {
    print "node { op_type: \"Conv\" name: \"" to "_conv\" input: \"" from "\" input: \"" w "\" output: \"" to "\" }"
}

function unary(operator, from, to) {
    print "node { op_type: \"" operator "\" input: \"" from "\" output: \"" to "\" }"
}

function norm(from, to,    i, text) {
    text = "node { op_type: \"BatchNormalization\" name: \"" to "_bn\" input: \"" from "\""
    for (i = 0; i < 4; i++) {
        numbers(to "_" i, "dims: 4", 4, i == 0 || i == 3 ? 0.5 : -0.5)
        text = text " input: \"" to "_" i "\""
    }
    print text " output: \"" to "\" }"
}

function tensor(list, name, channels) {
    print list " { name: \"" name "\" type { tensor_type { elem_type: 1 shape { dim { dim_value: 1 } dim { dim_value: " \
        channels " } dim { dim_value: 4 } dim { dim_value: 4 } } } } }"
}

function of_type(list, name, type) {
    print list " { name: \"" name "\" type { tensor_type { elem_type: " type " shape { } } } }"
}

function loop(    i, inputs, outputs) {
    of_type("input", "go", 9)
    for (i = 1; i <= n; i++) { inputs = inputs " input: \"x\""; outputs = outputs " output: \"y" i "\"" }
    print "node { op_type: \"Loop\" name: \"loop\" input: \"\" input: \"go\"" inputs outputs
    print "attribute { name: \"body\" type: GRAPH g { name: \"body\""
    of_type("input", "round", 7); of_type("input", "on", 9); of_type("output", "again", 9)
    print "node { op_type: \"Not\" input: \"on\" output: \"again\" }"
    for (i = 1; i <= n; i++) {
        tensor("input", "a" i, 4)
        norm("a" i, "b" i)
        tensor("output", "b" i, 4)
    }
    print "} } }"
}

function branch(name, i) {
    print "attribute { name: \"" name "\" type: GRAPH g { name: \"" name "\""
    conv("x", "w", "c" name i)
    print "node { op_type: \"BatchNormalization\" input: \"c" name i "\" input: \"s\" input: \"s\" input: \"s\""
    print "input: \"s\" output: \"b" name i "\" }"
    tensor("output", "b" name i, 4)
    print "} }"
}

function branches(    i) {
    of_type("input", "go", 9); weight("w"); numbers("s", "dims: 4", 4, 0.5)
    for (i = 1; i <= n; i++) {
        print "node { op_type: \"If\" input: \"go\" output: \"y" i "\""
        branch("then_branch", i)
        branch("else_branch", i)
        print "}"
        tensor("output", "y" i, 4)
    }
}

BEGIN {
    print "ir_version: 8 opset_import { domain: \"\" version: 13 } graph { name: \"growth\""
    if (kind != "inputs") tensor("input", "x", 4)
    if (kind == "row" || kind == "fan" || kind == "sum" || kind == "same") { weight("w"); conv("x", "w", "y0") }
    if (kind == "shared") weight("w")
    last = kind == "row" ? "y0" : "x"
    is_whole = kind == "loop" || kind == "branches"
    if (kind == "loop") { loop(); last = "y1" }
    if (kind == "branches") branches()
    for (i = 1; i <= n && !is_whole; i++) {
        if (kind == "row") { norm(last, "y" i); last = "y" i; continue }
        if (kind == "fan") { norm("y0", "y" i); tensor("output", "y" i, 4); continue }
        if (kind == "same") continue
        if (kind == "sum") { norm("y0", "y" i); continue }
        if (kind == "relus") {
            unary("Tanh", last, "t" i)
            unary("Relu", "t" i, "r" i)
            unary("Relu", "r" i, last = "y" i)
            continue
        }
        if (kind == "inputs") tensor("input", last = "x" i, 4)
        if (kind != "shared") weight("w" i)
        conv(last, kind == "shared" ? "w" : "w" i, "c" i)
        norm("c" i, "y" i)
        if (kind == "inputs") tensor("output", "y" i, 4)
        if (kind == "chain" || kind == "shared") last = "y" i
    }
    if (kind == "concat" || kind == "sum" || kind == "same") {
        text = "node { op_type: \"Concat\" name: \"concat\" attribute { name: \"axis\" type: INT i: 1 }"
        if (kind != "concat") text = "node { op_type: \"Sum\" name: \"sum\""
        for (i = 1; i <= n; i++) text = text " input: \"y" (kind == "same" ? 0 : i) "\""
        print text " output: \"z\" }"
        tensor("output", "z", kind == "concat" ? 4 * n : 4)
    } else if (kind != "inputs" && kind != "fan" && kind != "branches") {
        tensor("output", last, 4)
    }
    print "}"
}
