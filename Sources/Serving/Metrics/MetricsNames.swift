/// What metrics are called where they are told.
package struct MetricsNames: Equatable, Sendable {
    /// What every name begins with.
    package let prefix: String
    /// Names that are others than ours, and label values.
    private let names: [String: String]
    private let values: [String: [String: String]]
    /// Labels that all of them have.
    package let labels: [(name: String, value: String)]

    private init(
        prefix: String, names: [String: String] = [:], values: [String: [String: String]] = [:],
        labels: [(name: String, value: String)] = []
    ) {
        self.prefix = prefix
        self.names = names
        self.values = values
        self.labels = labels
    }

    /// Names of one's own, for tests and other programs.
    package init(prefix: String) { self.init(prefix: prefix, names: [:]) }

    /// Ours.
    package static let own = MetricsNames(prefix: "prefixtune_")

    /// vLLM's, so that dashboards and alerts made for it show this server.
    ///
    /// - Parameter model: The value of their label `model_name`.
    package static func vLLM(model: String) -> MetricsNames {
        MetricsNames(
            prefix: "vllm:",
            names: ["requests_running": "num_requests_running", "requests_waiting": "num_requests_waiting"],
            values: ["request_success_total": ["cancelled": "abort"]],
            labels: [("model_name", model), ("engine", "0")])
    }

    /// What a metric is called.
    func name(of metric: String) -> String { prefix + (names[metric] ?? metric) }

    /// What a value of a metric's label is called.
    func value(of label: String, in metric: String) -> String { values[metric]?[label] ?? label }

    package static func == (a: MetricsNames, b: MetricsNames) -> Bool {
        a.prefix == b.prefix && a.names == b.names && a.values == b.values
            && a.labels.elementsEqual(b.labels) { $0 == $1 }
    }
}
