import Tensors

extension WeightPrecision {
    /// Refuses what the processor cannot do.
    ///
    /// - Parameters:
    ///   - processorMultipliesBFloat16: Whether it has the instructions of AVX512_BF16; this one unless given.
    ///   - name: What the processor is called.
    /// - Throws: ``CheckpointError/unsupportedPrecision(processor:)``.
    package func check(
        processorMultipliesBFloat16: Bool = Processor.multipliesBFloat16, name: String? = Processor.name
    ) throws(CheckpointError) {
        guard self == .bfloat16, !processorMultipliesBFloat16 else { return }
        throw .unsupportedPrecision(processor: name)
    }
}
