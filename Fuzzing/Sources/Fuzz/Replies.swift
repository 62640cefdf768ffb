import Foundation
@testable import Hub

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

private let hub: Hub? = try? Hub(
    environment: HubEnvironment(
        ["HF_ENDPOINT": "https://hub.example", "HF_HUB_CACHE": fuzzFolder.path + "/hub"], home: "/"))

func readReply(_ bytes: UnsafeRawBufferPointer) throws {
    guard let hub, let url = URL(string: "https://hub.example/a/b?c=d") else { return }
    let data = Data(bytes), border = data.range(of: Data("\n\n".utf8)) ?? data.endIndex..<data.endIndex
    let lines = String(decoding: data[..<border.lowerBound], as: UTF8.self).split(separator: "\n")
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2 { headers[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces) }
    }
    let status = lines.first.flatMap { Int($0) } ?? 200
    guard
        let response = HTTPURLResponse(
            url: url, statusCode: min(max(status, 100), 599), httpVersion: "HTTP/1.1", headerFields: headers)
    else { return }
    let reply = HubClient.Reply(response: response, body: Data(data[border.upperBound...]))
    let reference = try HubReference("org/name"), client = hub.client
    precondition(!"\(client.error(response, reply.body, .init(repository: "org/name", file: "x")))".isEmpty)
    precondition(RetryPolicy.secondsAsked(response).map { $0 >= 0 } ?? true)
    if let location = response.value(forHTTPHeaderField: "Location"),
        let next = try? HubClient.destination(location, from: url, saying: "it redirects to")
    {
        precondition(next.scheme?.lowercased() == "https", "from encrypted to clear")
    }
    if let next = try client.nextPage(reply, after: client.request("GET", "/api")) {
        precondition(next.url.scheme?.lowercased() == "https", "from encrypted to clear")
    }
    let entries = (try? HubClient.entries(in: reply, from: url).files) ?? []
    let meter = ProgressMeter(entries.map { ($0.path, $0.size ?? 0) }) { precondition($0.total >= 0) }
    for entry in entries.prefix(10) {
        meter.complete(entry.path)
        guard TreeEntry.isSafe(entry.path) else { continue }
        let download = FileDownload(
            client: client, cache: hub.cache, reference: reference, commit: "c", entry: entry, meter: meter,
            note: { _ in })
        guard let metadata = try? download.metadata(in: reply, from: url.absoluteString) else { continue }
        precondition(!metadata.name.contains("/") && !metadata.name.isEmpty && metadata.name != "..")
        // What the listing promises is always checked.
        if let promised = entry.checksum { precondition(metadata.promised.contains(promised)) }
    }
    _ = HubFiles.usable.choose(from: entries.map(\.path))
    // The same listing from the cache.
    if let tree = TreeFile(entries) { precondition(tree.entries.allSatisfy(\.hasPossibleSize)) }
}
