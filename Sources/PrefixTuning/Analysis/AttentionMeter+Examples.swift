import LanguageModels
import Tensors

extension AttentionMeter {
    /// What a model reads of examples: prompt and completion, one text for each completion or reference; the prompt alone
    /// where an example has neither, and then the decoder of an encoder–decoder model reads its start token.
    ///
    /// - Parameters:
    ///   - examples: Of any task.
    ///   - model: The model that the tokenizer is for.
    ///   - tokenizer: Makes tokens of them.
    ///   - predictingOnly: Whether only those tokens count from which a token of the completion is predicted.
    /// - Returns: The texts, without those that the tokenizer skips.
    /// - Throws: `DataError` with file and line, also where a completion is needed and missing.
    public static func texts(
        of examples: [Example], model: any CausalModel, tokenizer: ExampleTokenizer, predictingOnly: Bool
    ) throws -> [Text] {
        try examples.flatMap { example -> [Text] in
            guard example.texts.isEmpty, !predictingOnly else {
                return try [example].forTraining().compactMap { single in
                    try tokenizer.example(single).map { Text($0, predictingOnly: predictingOnly) }
                }
            }
            let prompt = try tokenizer.prompt(example)
            guard let start = model.startToken else { return [Text(tokens: prompt)] }
            return [Text(source: prompt, tokens: [start])]
        }
    }
}
