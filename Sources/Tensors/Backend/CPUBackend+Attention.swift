import CKernels

/// Attention of ragged sequences.
extension CPUBackend {
    func attention(_ call: AttentionCall, into output: MutableFloats, logSums: MutableFloats) {
        call.withKernelArguments {
            let scratch = Storage(count: Int(ptk_attention_scratch(&$0)))
            ptk_attention_forward(&$0, scratch.floats, output, logSums)
        }
    }

    func attentionBackward(
        _ call: AttentionCall, logSums: Floats, outputGradients: Floats, queryGradients: MutableFloats?
    ) {
        call.withKernelArguments {
            let scratch = Storage(count: Int(ptk_attention_scratch(&$0)))
            ptk_attention_backward(
                &$0, logSums, outputGradients, queryGradients, Int64(call.queryStride), scratch.floats)
        }
    }
}

extension AttentionCall {
    /// The call as the kernels take it: sequences with their memory addresses.
    fileprivate func withKernelArguments(_ body: (inout ptk_attention) -> Void) {
        var segments: [ptk_segment] = [], kernelSequences: [ptk_sequence] = [], lists: [Int32] = []
        for case .list(let list) in sequences.lazy.flatMap(\.segments).map(\.rows) { lists += list }
        lists.withUnsafeBufferPointer { lists in
            var nextList = lists.baseAddress
            for sequence in sequences {
                kernelSequences.append(
                    ptk_sequence(
                        query: Int64(sequence.queries.lowerBound), queries: Int64(sequence.queries.count),
                        segment: Int64(segments.count), segments: Int64(sequence.segments.count)))
                for segment in sequence.segments { segments.append(kernelSegment(segment, &nextList)) }
            }
            segments.withUnsafeBufferPointer { segments in
                kernelSequences.withUnsafeBufferPointer { sequences in
                    var call = ptk_attention(
                        queries: queries.floats, query_stride: Int64(queries.width), sequences: sequences.baseAddress,
                        sequence_count: Int64(sequences.count), segments: segments.baseAddress,
                        heads: Int64(geometry.heads), key_heads: Int64(geometry.keyHeads),
                        head_width: Int64(geometry.headWidth), scale: geometry.scale, causal: geometry.isCausal,
                        window: geometry.window.map(Int64.init) ?? .max, dropout: dropout?.probability ?? 0,
                        seed: dropout?.seed ?? 0, biases: bias.map { UnsafePointer($0.values.floats + $0.reach) },
                        bias_stride: Int64(bias?.values.width ?? 0),
                        bias_gradients: bias.flatMap { bias in
                            gradients[ObjectIdentifier(bias.values)].map { $0 + bias.reach }
                        })
                    body(&call)
                }
            }
        }
    }

    private func kernelSegment(_ segment: KeyValueSegment, _ nextList: inout UnsafePointer<Int32>?) -> ptk_segment {
        let source = segment.source, stride = source.width
        var first = 0
        var rows: UnsafePointer<Int32>?
        switch segment.rows {
        case .range(let range): first = range.lowerBound * stride
        case .list(let list):
            rows = nextList
            nextList = nextList.map { $0 + list.count }
        }
        let gradient = gradients[source.identity].map { $0 + first }
        return ptk_segment(
            keys: source.address(of: first + segment.keyColumn),
            values: source.address(of: first + segment.valueColumn),
            is_bfloat16: source.type == .bfloat16, stride: Int64(stride), rows: rows, count: Int64(segment.rows.count),
            key_gradients: gradient.map { $0 + segment.keyColumn },
            value_gradients: gradient.map { $0 + segment.valueColumn }, gradient_stride: Int64(stride))
    }
}

extension KeyValueRows {
    /// Where an element lies, counted over all rows.
    fileprivate func address(of element: Int) -> UnsafeRawPointer {
        switch self {
        case .float32(let tensor): UnsafeRawPointer(tensor.floats + element)
        case .bfloat16(let rows): UnsafeRawPointer(rows.start + 2 * element)
        }
    }
}
