import Foundation
import PrefixTuning

/// Settings as layers of JSON, each laid over those before: objects key by key, everything else as a whole.
extension ExperimentSettings {
    /// The settings of an experiment.
    ///
    /// - Parameters:
    ///   - experiment: Its name: `defaults.json` and its own file are the lowest layers.
    ///   - suitsEmbeddedModel: Whether the rates and lengths chosen for the embedded model are laid over them.
    ///   - files: The user's, in order.
    ///   - assignments: `key=value` or `key.key=value`; a value that is not JSON is a text.
    /// - Throws: ``ExperimentError/badSettings(source:problem:)``.
    public static func settings(
        for experiment: String, suitsEmbeddedModel: Bool, files: [URL] = [], assignments: [String] = []
    ) throws -> ExperimentSettings {
        var layers = ["defaults", experiment]
        if suitsEmbeddedModel { layers += ["embedded"] }
        var merged: [String: Any] = [:]
        for layer in layers {
            guard let url = try EmbeddedModel.experiment(layer) else { continue }
            lay(try object(in: url), over: &merged)
        }
        // What an experiment needs of the embedded model stands in its own file under a key of this name.
        let own = merged.removeValue(forKey: "embedded") as? [String: Any]
        if suitsEmbeddedModel, let own { lay(own, over: &merged) }
        for file in files { lay(try object(in: file), over: &merged) }
        for assignment in assignments { lay(try object(of: assignment, in: merged), over: &merged) }
        let settings = try decode(merged, source: files.last?.path ?? "the settings of \(experiment)")
        try settings.validate()
        return settings
    }

    private static func object(in file: URL) throws -> [String: Any] {
        let data: Data
        do { data = try Data(contentsOf: file) } catch {
            throw ExperimentError.badSettings(source: file.path, problem: "it cannot be read")
        }
        do {
            guard let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
                throw ExperimentError.badSettings(source: file.path, problem: "it is not a JSON object")
            }
            return object
        } catch let error as ExperimentError {
            throw error
        } catch {
            throw ExperimentError.badSettings(source: file.path, problem: "it is not JSON (\(error))")
        }
    }

    /// `a.b=1` → `{"a": {"b": 1}}`.
    private static func object(of assignment: String, in settings: [String: Any]) throws -> [String: Any] {
        let halves = assignment.split(separator: "=", maxSplits: 1).map(String.init)
        guard halves.count == 2, !halves[0].isEmpty else {
            throw ExperimentError.badAssignment(assignment)
        }
        let value = try? JSONSerialization.jsonObject(with: Data(halves[1].utf8), options: .fragmentsAllowed)
        return keys(of: halves[0], in: settings).reversed().reduce(value ?? halves[1]) { [$1: $0] }
            as? [String: Any] ?? [:]
    }

    /// `methods.adapter-0.1%.steps` → the three keys: one that is there may have dots in it, and may be written as it stands
    /// in the names of runs, `adapter-0.1pc`.
    private static func keys(of path: String, in object: [String: Any]) -> [String] {
        let spellings = object.keys.flatMap { key in [key, RunPlan.fileName(key)].map { (key: key, spelling: $0) } }
        let known = spellings.filter { path == $0.spelling || path.hasPrefix($0.spelling + ".") }
            .max { $0.spelling.count < $1.spelling.count }
        let spelling = known?.spelling ?? String(path.prefix { $0 != "." }), key = known?.key ?? spelling
        let rest = String(path.dropFirst(spelling.count + 1))
        return rest.isEmpty ? [key] : [key] + keys(of: rest, in: object[key] as? [String: Any] ?? [:])
    }

    private static func lay(_ upper: [String: Any], over lower: inout [String: Any]) {
        for (key, value) in upper {
            if let value = value as? [String: Any], var below = lower[key] as? [String: Any] {
                lay(value, over: &below)
                lower[key] = below
            } else {
                lower[key] = value
            }
        }
    }

    /// Decodes, refusing keys that mean nothing.
    private static func decode(_ object: [String: Any], source: String) throws -> ExperimentSettings {
        func check(_ keys: some Sequence<String>, _ known: [String], _ path: String) throws {
            guard let key = keys.first(where: { !known.contains($0) }) else { return }
            // Version 0.1 wrote keys in camel case.
            let newer = key.reduce(into: "") { $0 += $1.isUppercase ? "_\($1.lowercased())" : "\($1)" }
            throw ExperimentError.badSettings(
                source: source,
                problem: known.contains(newer)
                    ? "\"\(path)\(key)\" is called \(path)\(newer) now; write it so"
                    : "\"\(path)\(key)\" is not a setting; known are \(known.joined(separator: ", "))")
        }
        try check(object.keys.sorted(), CodingKeys.allCases.map(\.stringValue), "")
        let methods = (object["methods"] as? [String: Any] ?? [:]).mapValues { $0 as? [String: Any] ?? [:] }
        for (name, row) in methods.sorted(by: { $0.key < $1.key }) {
            guard row["method"] != nil else {
                let known = methods.filter { $0.value["method"] != nil }.keys.sorted().joined(separator: ", ")
                throw ExperimentError.badSettings(
                    source: source,
                    problem:
                        "there is no method \"\(name)\"; there are \(known); a new one needs methods.\(name).method")
            }
            let keys = row.keys.sorted()
            try check(keys, MethodSettings.CodingKeys.allCases.map(\.stringValue), "methods.\(name).")
        }
        let federated = object["federated"] as? [String: Any] ?? [:]
        try check(federated.keys.sorted(), FederationSettings.CodingKeys.allCases.map(\.stringValue), "federated.")
        for (name, scenario) in (federated["scenarios"] as? [String: Any] ?? [:]).sorted(by: { $0.key < $1.key }) {
            let keys = (scenario as? [String: Any] ?? [:]).keys.sorted()
            try check(keys, Federation.CodingKeys.allCases.map(\.stringValue), "federated.scenarios.\(name).")
        }
        do {
            return try JSONDecoder().decode(Self.self, from: JSONSerialization.data(withJSONObject: object))
        } catch DecodingError.typeMismatch(let type, let context) where "\(type)".hasPrefix("Array<") {
            throw ExperimentError.badSettings(
                source: source, problem: problem(context.codingPath, "a list in brackets is needed, such as [1]"))
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context)
        {
            throw ExperimentError.badSettings(
                source: source, problem: problem(context.codingPath, context.debugDescription))
        } catch DecodingError.keyNotFound(let key, let context) {
            throw ExperimentError.badSettings(
                source: source, problem: problem(context.codingPath + [key], "it is missing"))
        }
    }

    private static func problem(_ path: [any CodingKey], _ text: String) -> String {
        "\(path.map(\.stringValue).joined(separator: ".")): \(text)"
    }

    /// Keys whose values only choose runs or add to them, so that an experiment's folder may go on with others. What they put
    /// into a run stands in its plan, which is compared run by run.
    static let choosingRuns = Set(
        [
            CodingKeys.methods, .rows, .seeds, .lengths, .sizes, .subsets, .stepsBySize, .shares, .initializations,
            .rates, .federated,
        ].map(\.stringValue))

    enum CodingKeys: String, CodingKey, CaseIterable {
        case methods, rows, data, seeds, beams, maxNewTokens = "max_new_tokens", maxSourceTokens = "max_source_tokens"
        case maxTargetTokens = "max_target_tokens", tooLong = "too_long", testsValidation = "tests_validation"
        case testSources = "test_sources", trainExamples = "train_examples"
        case validationExamples = "validation_examples", validations, keepsBest = "keeps_best", bootstrap
        case tokensPerPass = "tokens_per_pass", lengths, sizes, subsets, validationShare = "validation_share"
        case stepsBySize = "steps_by_size", shares, initializations, rates, federated
    }
}
