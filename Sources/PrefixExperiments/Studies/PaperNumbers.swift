import PrefixTuning

/// The numbers of the paper's tables (Li & Liang 2021, ACL version: GPT-2 medium; BART-large for summaries), on the scales of our reports.
enum PaperNumbers {
    /// A score of a row.
    static func score(_ dataSet: String, split: String, row: String, score: String) -> Double? {
        tables["\(dataSet) \(split)"]?[row]?[score]
    }

    private static let tables: [String: [String: [String: Double]]] = [
        "e2e test": named(
            ["BLEU", "NIST", "METEOR", "ROUGE-L", "CIDEr"],
            [
                "fine-tune": [68.8, 8.71, 46.1, 71.1, 2.43], "top-2": [68.1, 8.59, 46.0, 70.8, 2.41],
                "adapter-3%": [68.9, 8.71, 46.1, 71.3, 2.47], "adapter-0.1%": [66.3, 8.41, 45.0, 69.8, 2.40],
                "prefix": [70.3, 8.82, 46.3, 72.1, 2.46],
                // Ablations (section 7.2).
                "embedding-1": [48.1, 3.33, 32.1, 60.2, 1.10], "embedding-10": [62.2, 6.70, 38.6, 66.4, 1.75],
                "embedding-20": [61.9, 7.11, 39.3, 65.6, 1.85], "infix-1": [67.9, 8.63, 45.8, 69.4, 2.42],
                "infix-10": [67.2, 8.48, 45.8, 69.9, 2.40], "infix-20": [66.7, 8.47, 45.8, 70.0, 2.42],
            ]),
        "webnlg seen": named(
            ["BLEU", "METEOR", "TER"],
            [
                "fine-tune": [64.7, 0.46, 33], "top-2": [53.6, 0.38, 49], "adapter-3%": [60.5, 0.43, 35],
                "adapter-0.1%": [54.5, 0.39, 40], "prefix": [62.9, 0.44, 35],
            ]),
        "webnlg unseen": named(
            ["BLEU", "METEOR", "TER"],
            [
                "fine-tune": [26.7, 0.30, 78], "top-2": [18.9, 0.23, 99], "adapter-3%": [47.9, 0.38, 46],
                "adapter-0.1%": [45.1, 0.36, 46], "prefix": [45.3, 0.37, 51],
            ]),
        "webnlg all": named(
            ["BLEU", "METEOR", "TER"],
            [
                "fine-tune": [45.7, 0.38, 54], "top-2": [36.0, 0.31, 72], "adapter-3%": [54.8, 0.41, 39],
                "adapter-0.1%": [50.2, 0.38, 43], "prefix": [55.0, 0.41, 42],
            ]),
        "dart test": named(
            ["BLEU", "METEOR", "TER"],
            [
                "fine-tune": [46.2, 0.39, 46], "top-2": [41.0, 0.34, 56], "adapter-3%": [45.2, 0.38, 46],
                "adapter-0.1%": [42.4, 0.36, 48], "prefix": [46.4, 0.38, 46],
            ]),
        "xsum test": named(
            ["ROUGE-1", "ROUGE-2", "ROUGE-L"],
            [
                "fine-tune": [45.14, 22.27, 37.25], "prefix-2%": [43.80, 20.93, 36.05],
                "prefix-0.1%": [42.92, 20.03, 35.05],
            ]),
        "news-to-sports unseen": named(
            ["ROUGE-1", "ROUGE-2", "ROUGE-L"],
            ["fine-tune": [38.15, 15.51, 30.26], "prefix": [39.23, 16.74, 31.51]]),
        "within-news unseen": named(
            ["ROUGE-1", "ROUGE-2", "ROUGE-L"],
            ["fine-tune": [39.20, 16.35, 31.15], "prefix": [39.41, 16.87, 31.47]]),
    ]

    private static func named(_ scores: [String], _ rows: [String: [Double]]) -> [String: [String: Double]] {
        rows.mapValues { Dictionary(uniqueKeysWithValues: zip(scores, $0)) }
    }
}
