import Foundation
import LanguageModels
import Tensors
import Tokenizers

/// A way of adapting a language model: what is trained, and how it enters the model.
///
/// All methods are trained by the same ``Trainer``, saved and resumed the same way.
@Compute public protocol TuningMethod: AnyObject {
    /// Its name on the command line.
    var name: String { get }
    /// What two runs of the method must have in common for one to continue the other.
    var fingerprint: String { get }
    /// The model that is adapted.
    var model: LanguageModel { get }
    /// Records the passes of a training step through the model.
    var passTape: Tape { get }
    /// What is trained.
    var parameters: [(name: String, value: Tensor)] { get }
    /// Number of values that a user keeps per task, as the paper counts them.
    var storedParameterCount: Int { get }
    /// Whether what is trained lies inside the model; else it only stands before the text, and other methods can use the
    /// model in the same pass.
    var changesModel: Bool { get }
    /// Positions of the model that the method itself takes up.
    var reservedPositions: Int { get }

    /// What every sequence starts from while evaluating.
    func start() -> InitialKeyValues?

    /// What every sequence of a training step starts from. A step may pass through the model several times.
    ///
    /// - Parameter dropoutSeed: Names the step's masks.
    func beginStep(dropoutSeed: UInt64) -> InitialKeyValues?

    /// Where the passes of a step leave their gradients, once it is begun: what several processes exchange. The parameters
    /// themselves, unless they are not what the passes start from.
    var passLeaves: [Tensor] { get }
    /// Whether the gradients of passes are added such that their order has no part in the bits, which keeps one for each
    /// pass of a step in memory. Not for methods that train a whole model.
    var sumsExactly: Bool { get }

    /// Called after the last pass of a step: gradients must have reached the parameters when it returns.
    func endStep()

    /// Drops activations of the model in training; nil where it runs as in evaluation.
    func dropout(seed: UInt64) -> Dropout?

    /// Writes what a user keeps: an adapter, or a model.
    func write(to folder: URL) throws
}

extension TuningMethod {
    /// True: a prefix says otherwise.
    public var changesModel: Bool { true }
    /// 0: nothing but text takes positions.
    public var reservedPositions: Int { 0 }
    /// Nothing: sequences start from an empty cache.
    public func start() -> InitialKeyValues? { nil }
    /// Nil: every text begins at the first position.
    public func beginStep(dropoutSeed: UInt64) -> InitialKeyValues? { nil }
    /// Nothing: the passes reach the parameters themselves.
    public func endStep() {}
    /// The parameters.
    public var passLeaves: [Tensor] { parameters.map(\.value) }
    /// True.
    public var sumsExactly: Bool { true }

    /// Number of values that training changes.
    public var trainableParameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

    /// Token sequences of examples, which fit the model beside what the method takes up.
    ///
    /// - Parameters:
    ///   - examples: One text to learn each (`forTraining()`).
    ///   - format: How prompt and completion are joined, and what becomes of long ones.
    /// - Throws: ``DataError`` with file and line.
    public func tokenize(_ examples: [Example], format: TaskFormat) throws -> [TokenizedExample] {
        let tokenizer = ExampleTokenizer(model, format: format, reservedPositions: reservedPositions)
        return try examples.compactMap { try tokenizer.example($0) }
    }
}
