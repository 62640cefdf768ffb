import Foundation
import Hummingbird
import Tokenizers

extension ServingServer {
    private struct Tokens: Encodable {
        let tokens: [Int32]
        let count: Int
        let maxModelLength: Int
        let tokenStrings: [String]?

        enum CodingKeys: String, CodingKey {
            case tokens, count
            case maxModelLength = "max_model_len"
            case tokenStrings = "token_strs"
        }
    }

    /// vLLM's `/tokenize` and `/detokenize`.
    func addTokens(to router: Router<ServingContext>) {
        router.post("/tokenize") { [self] request, context in
            let body = try await reader.json(request, context)
            var fields = try RequestFields(body)
            let name = try fields.string("model") ?? model.name
            let entries = try await entries(of: name, for: context.identity)
            let addsSpecial = try fields.flag("add_special_tokens"), wantsStrings = try fields.flag("return_token_strs")
            let tokens: [Int32]
            if fields.value("messages") != nil {
                let conversation = try ChatRequest.Conversation(&fields, body)
                let text = try model.text(of: conversation, as: try await template(of: entries))
                tokens = try model.tokens(of: text, addingSpecialTokens: addsSpecial ?? false)
            } else {
                let text = try fields.neededString("prompt")
                tokens = text.isEmpty ? [] : try model.tokens(of: text, addingSpecialTokens: addsSpecial ?? true)
            }
            let strings = tokens.map { model.tokenizer.token(for: $0) ?? "" }
            return Self.json(
                Tokens(
                    tokens: tokens, count: tokens.count, maxModelLength: model.positions,
                    tokenStrings: wantsStrings == false ? nil : strings))
        }
        router.post("/detokenize") { [self] request, context in
            var fields = try RequestFields(try await reader.json(request, context))
            _ = try await entries(of: try fields.string("model") ?? model.name, for: context.identity)
            guard fields.value("tokens") != nil else { throw ServingError.missing(field: "tokens") }
            let tokens = try fields.tokens("tokens", vocabularySize: model.vocabularySize)
            return Self.json(["prompt": model.tokenizer.decode(tokens)])
        }
    }
}
