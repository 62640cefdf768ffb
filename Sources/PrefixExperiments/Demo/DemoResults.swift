import PrefixTuning

/// What a demonstration found: `results.json`.
public struct DemoResults: Codable, Sendable {
    /// Scores of the texts about one set of tables.
    public struct Scores: Codable, Sendable {
        /// BLEU-4 against three references, as the E2E script computes it, 0–100.
        public let bleu: Double
        /// ROUGE-L, as the E2E script computes it, 0–100.
        public let rougeL: Double
        /// The texts, in the order of the tables.
        public let texts: [String]

        private enum CodingKeys: String, CodingKey {
            case bleu, rougeL = "rouge_l", texts
        }
    }

    /// One of the systems compared.
    public struct System: Codable, Sendable {
        /// What it is.
        public let name: String
        /// Values that training changed.
        public let trainableParameters: Int
        /// Values kept per task.
        public let storedParameters: Int
        /// Size of the file kept per task.
        public let fileBytes: Int
        /// Time of training.
        public let trainingSeconds: Double
        /// Speed of training.
        public let tokensPerSecond: Double
        /// On topics that occur in training.
        public let seen: Scores
        /// On topics that do not.
        public let unseen: Scores

        private enum CodingKeys: String, CodingKey {
            case name, trainableParameters = "trainable_parameters", storedParameters = "stored_parameters"
            case fileBytes = "file_bytes", trainingSeconds = "training_seconds", tokensPerSecond = "tokens_per_second"
            case seen, unseen
        }
    }

    /// Base model, prefix, fine-tuning.
    public let systems: [System]
    /// How it was done.
    public let settings: Demo.Settings
    /// Values of the base model.
    public let modelParameters: Int
    /// Time of everything.
    public let seconds: Double
    /// Threads of tensor work.
    public let threads: Int

    private enum CodingKeys: String, CodingKey {
        case systems, settings, modelParameters = "model_parameters", seconds, threads
    }
}
