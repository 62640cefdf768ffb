import Foundation

extension RotaryEmbedding {
    /// What the architectures differ in.
    struct Conventions {
        /// The key of θ where it stands outside of the object.
        var baseKey = "rope_theta"
        /// θ where no key says it.
        var usualBase = 10_000.0
        /// The key, outside of the object, of the part of a head that is turned, and that part where no key says it; nil where
        /// the architecture turns whole heads, whatever the file says.
        var fraction: (key: String, usual: Double)?
        /// The kinds of scaling that the architecture knows, with what each is here; nil for all, as they are called.
        var kinds: [String: String]?
    }

    /// An object of a file that says how positions turn, under its key.
    struct Parameters {
        /// The key, with those of the objects around it.
        let key: String
        let values: ConfigurationReader
    }

    /// `rope_scaling` of older files, else `rope_parameters`; nil where a file has neither.
    private static func parameters(_ file: ConfigurationReader) throws -> Parameters? {
        for key in ["rope_scaling", "rope_parameters"] {
            guard let values = try file.object(key) else { continue }
            if key == "rope_parameters" || !values.isEmpty { return Parameters(key: key, values: values) }
        }
        return nil
    }

    /// Reads `rope_scaling` of older files, else `rope_parameters`, and what stands beside them.
    ///
    /// - Parameter positions: `max_position_embeddings`.
    init(_ file: ConfigurationReader, headWidth: Int, positions: Int, _ conventions: Conventions = .init()) throws {
        try self.init(file, Self.parameters(file), headWidth: headWidth, positions: positions, conventions)
    }

    /// Reads an object, and what stands beside it in the file.
    ///
    /// Known are the plain form, `linear` (positions divided by a factor), `dynamic`, `yarn` (Peng et al. 2023), `longrope`
    /// (Ding et al. 2024) and `llama3` (Grattafiori et al. 2024), each as `transformers` computes it.
    ///
    /// - Parameters:
    ///   - object: Nil where the file has none.
    ///   - positions: `max_position_embeddings`.
    init(
        _ file: ConfigurationReader, _ object: Parameters?, headWidth: Int, positions: Int, _ conventions: Conventions
    ) throws {
        let parameters = object?.values
        let stated = try parameters?.optionalString("rope_type", "type") ?? "default"
        guard let kind = conventions.kinds.map({ $0[stated] }) ?? stated else {
            let known = conventions.kinds?.keys.sorted().joined(separator: ", ") ?? ""
            throw (parameters ?? file).invalid(
                parameters?.has("rope_type") == true ? "rope_type" : "type",
                "rotary scaling of type \"\(stated)\" does not go with this architecture; \(known) do")
        }
        let theta =
            try parameters?.optionalNumber("rope_theta")
            ?? file.positive(conventions.baseKey, default: conventions.usualBase)
        let inside = try parameters?.optionalNumber("partial_rotary_factor")
        var part = 1.0
        if let fraction = conventions.fraction {
            part = try inside ?? file.positive(fraction.key, default: fraction.usual)
        } else if kind != "default", let stated = try inside ?? file.optionalNumber("partial_rotary_factor"),
            stated != 1
        {
            throw (inside == nil ? file : parameters ?? file).invalid(
                "partial_rotary_factor",
                "\(stated) goes with no rotary scaling of type \"\(kind)\" in this architecture")
        }
        // Compared before it is an integer: a damaged file may have any number here, and a head may be of width 1.
        // A fraction of the width need not be exact in binary.
        let product = Double(headWidth) * part,
            turned = abs(product - product.rounded()) < 1e-9 ? product.rounded() : product
        let width = (2...Double(max(2, headWidth))).contains(turned) ? Int(turned) : 0
        guard width > 0, width <= headWidth, width.isMultiple(of: 2), theta > 0, Float(theta).isNormal else {
            throw file.invalid(
                object?.key ?? conventions.fraction?.key ?? conventions.baseKey,
                "\(part) of a head of width \(headWidth) are turned with base \(theta), but an even number of columns "
                    + "within the head and a base above 0 are needed")
        }
        self.width = width
        turnsNeighbours = false
        let plain = Self.plain(base: Float(theta), width)
        guard let parameters, kind != "default" else {
            (frequencies, scale, lengthening) = (plain, 1, .none)
            return
        }
        let scaling = Scaling(file: file, parameters: parameters, theta: theta, width: width, positions: positions)
        switch kind {
        case "linear":
            let factor = Float(try scaling.factor())
            (frequencies, scale, lengthening) = (plain.map { $0 / factor }, 1, .none)
        case "llama3": (frequencies, scale, lengthening) = (try scaling.llama3(plain), 1, .none)
        case "dynamic":
            let factor = try scaling.factor()
            guard width > 2 else { throw parameters.invalid("factor", "two columns cannot be scaled dynamically") }
            (frequencies, scale) = (plain, 1)
            lengthening = .dynamic(after: positions, factor: factor, base: theta)
        case "yarn":
            (frequencies, scale) = try scaling.yarn()
            lengthening = .none
        case "longrope":
            let after = try scaling.original()
            (frequencies, scale) = (try scaling.long("short_factor"), try scaling.longScale())
            lengthening = .long(after: after, frequencies: try scaling.long("long_factor"))
        default:
            throw parameters.invalid(
                parameters.has("rope_type") ? "rope_type" : "type",
                "rotary scaling of type \"\(kind)\" is not supported; default, linear, dynamic, yarn, longrope and llama3 are"
            )
        }
        guard scale.isFinite, frequencies.allSatisfy(\.isFinite) else {
            throw parameters.invalid("factor", "the angles that it leads to are no numbers")
        }
    }

    /// How many positions a model with this embedding is made for: those of `max_position_embeddings`, or what dynamic
    /// scaling and YaRN stretch the original length to, which files often do not write there.
    static func reach(_ file: ConfigurationReader, positions: Int) throws -> Int {
        try reach(file, parameters(file), positions: positions)
    }

    /// The same by one object of the file.
    static func reach(_ file: ConfigurationReader, _ object: Parameters?, positions: Int) throws -> Int {
        guard let parameters = object?.values, let factor = try parameters.optionalNumber("factor"), factor > 1 else {
            return positions
        }
        let limit = Double(1 << 24)
        switch try parameters.optionalString("rope_type", "type") {
        case "dynamic": return max(positions, Int(min(limit, factor * Double(positions))))
        case "yarn":
            let original = try Scaling.original(file, parameters, positions: positions)
            return max(positions, Int(min(limit, factor * Double(original))))
        default: return positions
        }
    }
}
