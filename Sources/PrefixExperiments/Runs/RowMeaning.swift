import Foundation
import PrefixTuning
import Reports

/// A row of a table in words: its name is short.
enum RowMeaning {
    /// What is trained in a run's row, and how, where it is in rounds.
    static func text(_ plan: RunPlan) -> String {
        trained(plan) + (plan.federation.map { "; \($0.meaning)" } ?? "")
    }

    private static func trained(_ plan: RunPlan) -> String {
        let method = plan.method
        let positions = plan.method.length.map { "\($0) position\($0 == 1 ? "" : "s")" } ?? "positions"
        let hidden = method.hiddenWidth.map {
            $0 == 0 ? ", trained directly" : ", through an MLP of hidden width \($0)"
        }
        let words = method.words.map { ", from the activations of \"\($0)\"" } ?? ""
        switch method.method {
        case .prefix:
            let length = method.words == nil || method.length != nil ? "of \(positions)" : "as long as its words"
            return "a prefix \(length)\(hidden ?? "")\(words)"
        case .fineTune:
            return "all weights of the model"
                + (method.wordsBeforeSource == true ? ", with words before the source" : "")
        case .topLayers:
            let count = method.layers ?? 2
            return count == 1 ? "the weights of the last layer" : "the weights of the last \(count) layers"
        case .adapter:
            guard let share = method.share else { return "bottleneck adapters in every layer" }
            return "bottleneck adapters in every layer, as wide as comes nearest to "
                + "\(ReportNumber.short(100 * share))% of the model, and one unit at least"
        case .lora:
            return "updates of rank \(method.rank ?? 8) (LoRA)" + (method.freeze == .down ? ", of which B alone" : "")
        case .promptTuning: return "\(positions) before the text: embeddings alone"
        case .pTuning: return "\(positions) before the text: embeddings that an MLP gives"
        case .embeddingOnly:
            return "\(positions) before the text: embeddings alone, whose keys and values the model computes"
        case .infix: return "\(positions) between source and text"
        }
    }
}
