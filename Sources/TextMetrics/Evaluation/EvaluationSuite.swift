/// Which scores are computed and how texts are made comparable first, per data set as its own script does it.
///
/// METEOR is that of its program 1.5 as far as the machine has its data (``METEORResources``); TER is sacrebleu's, where their
/// scripts run others.
public enum EvaluationSuite: String, Sendable, Codable, CaseIterable {
    /// The E2E challenge script: BLEU, NIST, METEOR, ROUGE-L, CIDEr. Case does not count.
    case e2e
    /// The WebNLG 2017 script: multi-bleu without regard to case on texts folded to ASCII and split at every non-word
    /// character (``WebNLGNormalizer``), METEOR on the same texts, first three references only.
    case webnlg
    /// The DART script: multi-bleu on texts as they are, case counts, METEOR, first three references only. The official
    /// references are already lowercased and tokenised; predictions must be too.
    case dart
    /// Summarisation as the paper reports it: F1 of ROUGE-1, ROUGE-2 and ROUGE-L on stemmed words, as `rouge_score` computes
    /// them; case does not count.
    case xsum
    /// No script in particular: multi-bleu on texts as they are, with and without regard to case, sacrebleu's BLEU,
    /// chrF++ and TER, ROUGE-L, distinct-1 and distinct-2.
    case plain

    /// How many references of an instance the script reads at most.
    package var referenceLimit: Int? {
        switch self {
        case .webnlg, .dart: 3
        case .e2e, .xsum, .plain: nil
        }
    }

    /// The score that the paper's figures show.
    package var mainScore: String { self == .xsum ? "ROUGE-2" : "BLEU" }

    /// Whether METEOR goes up to 100, as the E2E script prints it, and not up to 1.
    package var givesMETEORInPercent: Bool { self == .e2e }

    /// What ``EvaluationReport`` says about normalisation.
    var normalization: String {
        switch self {
        case .e2e:
            "mteval-13a tokens in lower case (BLEU, NIST); Treebank tokens in lower case without punctuation (METEOR, ROUGE-L, CIDEr)"
        case .webnlg: "ASCII-folded, lower case, split at non-word characters; first 3 references"
        case .dart: "none: tokens separated by white space, case counts (METEOR: its own -norm); first 3 references"
        case .xsum: "words of a-z and 0-9 in lower case, stemmed by Porter's rules with NLTK's extensions"
        case .plain:
            "none for BLEU: tokens separated by white space; Treebank tokens in lower case without punctuation (ROUGE-L)"
        }
    }
}
