import Foundation

extension HubClient {
    private struct Information: Decodable {
        struct Sibling: Decodable { var rfilename: String }
        var sha: String
        var siblings: [Sibling]?
    }

    private struct Item: Decodable {
        struct LargeFile: Decodable {
            var oid: String
            var size: Int
        }

        var type: String
        var path: String
        var size: Int?
        var oid: String?
        var lfs: LargeFile?
        var xetHash: String?
    }

    /// The hub sends 1,000 entries a page: enough for the largest repositories many times over.
    private static let mostPages = 10_000
    /// Pages without an entry, one after the other, that still name a next one.
    private static let mostEmptyPages = 8

    /// What commit a revision is, and what files that has.
    ///
    /// - Throws: ``HubError``, also where a file name would lead out of the folder.
    func tree(
        of reference: HubReference, cache: HubCache, policy: RetryPolicy?, mostPages: Int = Self.mostPages
    ) async throws -> (commit: String, files: [TreeEntry]) {
        let subject = Subject(repository: reference.repository, revision: reference.revision)
        let base = "/api/models/\(reference.repository)"
        var commit = reference.revision, siblings: [String]?
        if !reference.isCommit {
            let revision = Self.escape(reference.revision)
            let request = try request("GET", "\(base)/revision/\(revision)")
            let reply = try await send(request, about: subject, policy: policy)
            let information = try reply.json(Information.self)
            guard HubReference.isCommit(information.sha) else {
                throw HubError.malformedReply(
                    url: request.url.absoluteString, problem: "the commit is \"\(information.sha)\"")
            }
            commit = information.sha
            siblings = information.siblings?.map(\.rfilename)
            try check(siblings ?? [], of: reference)
        }
        if let known = cache.tree(reference.repository, commit: commit) { return (commit, known) }

        var files: [TreeEntry] = [], pages = 0, emptyPages = 0
        var next: Request? = try request("GET", "\(base)/tree/\(commit)?recursive=true&expand=false")
        while let request = next {
            let reply: Reply
            do {
                reply = try await send(request, about: subject, policy: policy)
            } catch HubError.repositoryNotFound where siblings != nil {
                // Some mirrors know the first request only.
                return (commit, (siblings ?? []).map { TreeEntry(path: $0) })
            }
            let page = try Self.entries(in: reply, from: request.url)
            files += page.files
            pages += 1
            emptyPages = page.isEmpty ? emptyPages + 1 : 0
            guard files.count <= 1_000_000, pages <= mostPages, emptyPages <= Self.mostEmptyPages else {
                throw HubError.malformedReply(
                    url: request.url.absoluteString,
                    problem: "its listing does not end (\(pages) pages, \(files.count) files)")
            }
            next = try nextPage(reply, after: request)
        }
        try check(files.map(\.path), of: reference)
        return (commit, files)
    }

    /// The files of one page of a listing, and whether nothing at all was on it.
    static func entries(in reply: Reply, from url: URL) throws -> (files: [TreeEntry], isEmpty: Bool) {
        let items = try reply.json([Item].self)
        let files = try items.filter { $0.type == "file" }.map { item in
            let entry = TreeEntry(
                path: item.path, size: item.lfs?.size ?? item.size, blob: item.oid, sha256: item.lfs?.oid,
                xetHash: item.xetHash)
            guard entry.hasPossibleSize else {
                throw HubError.malformedReply(
                    url: url.absoluteString, problem: "its listing gives \(item.path) \(entry.size ?? 0) bytes")
            }
            return entry
        }
        return (files, items.isEmpty)
    }

    private func check(_ paths: [String], of reference: HubReference) throws {
        if let path = paths.first(where: { !TreeEntry.isSafe($0) }) {
            throw HubError.unsafeFileName(repository: reference.repository, file: path)
        }
    }

    /// `Link: <…>; rel="next"`.
    func nextPage(_ reply: Reply, after request: Request) throws -> Request? {
        for link in (reply.header("Link") ?? "").split(separator: ",") where link.contains("rel=\"next\"") {
            guard let start = link.firstIndex(of: "<"), let end = link.firstIndex(of: ">"), start < end,
                let url = URL(string: String(link[link.index(after: start)..<end]), relativeTo: request.url)?
                    .absoluteURL, url != request.url
            else { continue }
            var next = request
            next.url = try Self.destination(
                String(link[link.index(after: start)..<end]), from: request.url, saying: "its listing goes on at")
            return next
        }
        return nil
    }
}
