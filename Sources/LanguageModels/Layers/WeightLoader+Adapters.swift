import Tensors

extension WeightLoader {
    /// The parts that are trained, where a tensor of a frozen model is one of them.
    func trainedPart(_ name: String) -> TrainedParts? {
        guard case .frozen = use, let parts = trained?.parts, parts.takes(scope + name) else { return nil }
        return parts
    }

    /// Whether a matrix or its bias is anything but plain weights of the model: it is then held alone.
    func isAdapted(_ name: String) -> Bool {
        adapters.map { $0.update(of: scope + name) != nil && !$0.merges } ?? false
            || trained?.lowRank?.reaches(scope + name) ?? false
            || ["weight", "bias"].contains { trained?.parts?.reaches("\(scope)\(name).\($0)") ?? false }
    }

    /// Throws where a matrix cannot be trained as a whole.
    func checkTrainable(_ name: String) throws {
        if reader.isQuantized(name) { throw AdapterError.quantizedModule(name: scope + name) }
        if trained?.lowRank?.reaches(scope + name) == true { throw AdapterError.updatedModule(name: scope + name) }
    }

    /// A frozen matrix with what is trained, or was, beside it.
    ///
    /// - Parameters:
    ///   - bias: The matrix's bias, frozen or trained.
    ///   - base: Makes the matrix with the bias it is given: none where that has to come after an adapter, or is trained.
    func adapted(
        _ name: String, bias: Tensor?, base: (_ bias: Tensor?) throws -> any LinearMap
    ) throws -> any LinearMap {
        guard case .frozen = use else { return try base(bias) }
        let name = scope + name
        let update = adapters.flatMap { $0.merges ? nil : $0.update(of: name) }
        let hasMagnitude =
            update?.update.magnitude != nil
            || trained?.lowRank.map { $0.trainsMagnitudes && $0.reaches(name) } ?? false
        let isOutermost = hasMagnitude || bias?.gradient != nil
        let matrix = try base(isOutermost ? nil : bias)
        let map = try trained?.lowRank?.map(over: matrix, name: name) ?? update?.map(over: matrix, name: name) ?? matrix
        guard isOutermost, let bias else { return map }
        return BiasedMap(base: map, bias: bias)
    }

    /// A head of its own for a model whose checkpoint ties it to the token table: where it is trained as a whole, where an
    /// update is merged into it, and where the table is another one than the model's. An adapter of one of the two does not
    /// change the other, as in PEFT.
    func ownHead(_ name: String, width: Int, count: Int, bias: Tensor?) throws -> (any LinearMap)? {
        guard case .frozen(let differentiable, _) = use, let source = registry.tokenTable else { return nil }
        let part = trainedPart("\(name).weight"), merged = mergedUpdate(of: name)
        let isOtherTable =
            trained?.parts?.reaches(source.fullName) ?? false || adapters?.replaced?.contains(source.fullName) ?? false
        guard part != nil || merged != nil || isOtherTable else { return nil }
        let values = Tensor(shape: [count, width], tape: part?.tape)
        try values.withMutableValues { try source.reader.read(source.name, shape: values.shape, into: $0) }
        if let part {
            try checkTrainable(name)
            part.add("\(scope)\(name).weight", values)
            return TrainableMatrix(weight: values, orientation: .outputByInput, bias: bias)
        }
        try values.withMutableValues {
            try merged?.add(to: $0, shape: values.shape, orientation: .outputByInput, name: scope + name)
        }
        return try adapted(name, bias: bias) { bias in
            try values.withMutableValues {
                try frozen(
                    UnsafeBufferPointer($0), input: width, output: count, .outputByInput, bias: bias,
                    differentiable: differentiable, isDelicate: true)
            }
        }
    }
}
