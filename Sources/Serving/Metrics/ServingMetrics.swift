import Foundation

/// What the server counts: names with the suffixes of vLLM's, so that dashboards can be carried over.
package struct ServingMetrics: Sendable {
    /// Where it is counted.
    package let registry: MetricsRegistry

    private static let seconds = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// Counters at 0.
    package init(registry: MetricsRegistry = MetricsRegistry()) {
        self.registry = registry
        let seconds = Self.seconds
        registry.declare("requests_running", .gauge, "Requests that are being answered.")
        registry.declare("requests_waiting", .gauge, "Requests that wait for their turn.")
        registry.declare("step_rows", .gauge, "Rows of the last step.")
        registry.declare(
            "kv_cache_usage_perc", .gauge, "Reserved share of the positions of the key-value memory, 0 to 1.")
        registry.declare(
            "request_success_total", .counter, "Requests that ended, by how.", label: "finished_reason")
        registry.declare("prefix_requests_total", .counter, "Requests that ended, by prefix.", label: "prefix")
        registry.declare("prompt_tokens_total", .counter, "Tokens of prompts, by prefix.", label: "prefix")
        registry.declare("generation_tokens_total", .counter, "Tokens of answers, by prefix.", label: "prefix")
        registry.declare("cached_prompt_tokens_total", .counter, "Tokens of prompts that were not read again.")
        registry.declare("key_tokens_total", .counter, "Tokens of prompts and answers, by key.", label: "key")
        registry.declare(
            "time_to_first_token_seconds", .histogram, "From a request's arrival to its first token.", bounds: seconds)
        registry.declare("inter_token_latency_seconds", .histogram, "Between tokens of a request.", bounds: seconds)
        registry.declare(
            "request_queue_time_seconds", .histogram, "From a request's arrival to its turn.", bounds: seconds)
        registry.declare(
            "e2e_request_latency_seconds", .histogram, "From a request's arrival to its end.", bounds: seconds)
        registry.declare("step_seconds", .histogram, "Steps of the engine.", bounds: seconds)
        registry.declare("prefix_load_seconds", .histogram, "Reading a prefix into memory.", bounds: seconds)
        registry.declare(
            "prefix_requests_running", .gauge, "Requests that are being answered, by prefix.", label: "prefix")
        registry.declare(
            "prefix_requests_waiting", .gauge, "Requests that wait for their turn, by prefix.", label: "prefix")
        registry.declare(
            "prefix_memory_bytes", .gauge, "Memory of the prefixes that lie there, by prefix.", label: "prefix")
        registry.declare("prefix_resident", .gauge, "Prefixes in memory.")
        registry.declare("prefix_bytes", .gauge, "Memory that prefixes take.")
        registry.declare("prefix_evictions_total", .counter, "Prefixes that were let go to make room.")
        registry.declare("rejected_total", .counter, "Requests that were refused, by code.", label: "reason")
        registry.declare("disconnects_total", .counter, "Clients that went before they were answered.")
        registry.declare("http_requests_total", .counter, "Responses, by status.", label: "status")
    }

    func began(queued: Double) { registry.observe("request_queue_time_seconds", queued) }

    func read(prefix: String?, key: String, tokens: Int, cached: Int) {
        registry.add("prompt_tokens_total", Double(tokens), label: prefix ?? "_base")
        registry.add("key_tokens_total", Double(tokens), label: key)
        if cached > 0 { registry.add("cached_prompt_tokens_total", Double(cached)) }
    }

    func wrote(prefix: String?, key: String, tokens: Int) {
        registry.add("generation_tokens_total", Double(tokens), label: prefix ?? "_base")
        registry.add("key_tokens_total", Double(tokens), label: key)
    }

    func stepped(seconds: Double, rows: Int, promptTokens: Int) {
        registry.observe("step_seconds", seconds)
        registry.set("step_rows", Double(rows))
    }

    func token(isFirst: Bool, seconds: Double) {
        registry.observe(isFirst ? "time_to_first_token_seconds" : "inter_token_latency_seconds", seconds)
    }

    func finished(prefix: String?, reason: String, seconds: Double? = nil) {
        registry.add("request_success_total", label: reason)
        registry.add("prefix_requests_total", label: prefix ?? "_base")
        if let seconds { registry.observe("e2e_request_latency_seconds", seconds) }
    }

    func refused(_ error: ServingError) {
        registry.add("rejected_total", label: error.code ?? error.type)
        if error == .clientGone { registry.add("disconnects_total") }
    }

    func responded(_ status: Int) { registry.add("http_requests_total", label: "\(status)") }

    func loaded(seconds: Double) { registry.observe("prefix_load_seconds", seconds) }
}

extension ServingMetrics {
    func resident(_ count: Int, bytes: Int, evictions: Int) {
        registry.set("prefix_resident", Double(count))
        registry.set("prefix_bytes", Double(bytes))
        registry.set("prefix_evictions_total", Double(evictions))
    }

    /// What there is of each prefix now: of those that have the most, so that thousands are not told one by one.
    func prefixes(_ loads: [String: (running: Int, waiting: Int)], _ residents: [(id: String, bytes: Int)]) {
        registry.replace(
            "prefix_requests_running", loads.mapValues { Double($0.running) }.filter { $0.value > 0 })
        registry.replace(
            "prefix_requests_waiting", loads.mapValues { Double($0.waiting) }.filter { $0.value > 0 })
        registry.replace(
            "prefix_memory_bytes", Dictionary(residents.map { ($0.id, Double($0.bytes)) }) { first, _ in first })
    }

    func state(of status: Engine.Status) {
        registry.set("requests_running", Double(status.running))
        registry.set("requests_waiting", Double(status.waiting))
        let limit = Double(status.positionLimit)
        registry.set("kv_cache_usage_perc", limit < 1e15 ? Double(status.positions) / limit : 0)
    }
}
