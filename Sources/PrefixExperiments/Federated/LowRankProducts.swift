import Foundation
import LanguageModels
import PrefixTuning
import Tensors

/// What is particular to LoRA in rounds: the mean of the products B·A is not the product of the means.
struct LowRankProducts {
    /// A matrix that is updated.
    struct Module: Equatable {
        /// Its name, as PEFT has it, without `.lora_A.weight`.
        let name: String
        let rank: Int, input: Int, output: Int
        /// Where B [output × rank] begins in the list of all trained values; and A [rank × input], where it is trained.
        let up: Int, down: Int?
    }

    let modules: [Module]
    /// A of each module where it is frozen: the same for all clients.
    private let frozen: [String: [Float]]

    /// The updates of a method; nil where it has none.
    @Compute init?(of method: any TuningMethod) {
        guard let method = method as? LowRankMethod else { return nil }
        var places: [String: Int] = [:], next = 0, found: [Module] = [], frozen: [String: [Float]] = [:]
        for (name, value) in method.parameters {
            places[name] = next
            next += value.count
        }
        let shapes = Dictionary(method.tensors.map { ($0.name, $0.value) }) { first, _ in first }
        for (name, value) in method.tensors where name.hasSuffix(Self.up) {
            let module = String(name.dropLast(Self.up.count))
            guard let down = shapes[module + Self.down], let place = places[name] else { continue }
            let isTrained = places[module + Self.down] != nil
            found.append(
                Module(
                    name: module, rank: down.shape[0], input: down.shape[1], output: value.shape[0], up: place,
                    down: places[module + Self.down]))
            if !isTrained { frozen[module] = down.values }
        }
        modules = found
        self.frozen = frozen
    }

    private static let up = ".lora_B.weight", down = ".lora_A.weight"

    /// How many values of A are sent beside what is trained.
    var frozenCount: Int { frozen.values.reduce(0) { $0 + $1.count } }
    /// How many values matrices of some rank have, padded to that rank for all modules as PEFT has it.
    func count(rank: Int) -> Int { rank * modules.reduce(0) { $0 + $1.input + $1.output } }
    /// The rank beyond which products of matrices need no more.
    var fullRank: Int { modules.map { min($0.input, $0.output) }.max() ?? 0 }

    /// ‖Σ w B·A − B̄·Ā‖ / ‖Σ w B·A‖ over all modules, with B̄ and Ā as the server sends them.
    ///
    /// - Parameters:
    ///   - weights: Of the clients; they sum to 1.
    func error(of clients: [[Float]], weights: [Double], mean: [Float]) -> Double {
        relative { module in
            let exact = sum(of: clients, weights: weights, in: module)
            var product = [Double](repeating: 0, count: exact.count)
            add(1, mean, module, to: &product)
            return (exact, product)
        }
    }

    /// Σ w B·A, in double precision [output × input].
    func sum(of clients: [[Float]], weights: [Double], in module: Module) -> [Double] {
        var exact = [Double](repeating: 0, count: module.output * module.input)
        for (values, weight) in zip(clients, weights) { add(weight, values, module, to: &exact) }
        return exact
    }

    /// Σ (wB)·A with wB in 32 bits, which is what stacked matrices hold.
    func stackedSum(of clients: [[Float]], weights: [Double], in module: Module) -> [Double] {
        var product = [Double](repeating: 0, count: module.output * module.input)
        for (values, weight) in zip(clients, weights) {
            var scaled = values
            for index in module.up..<module.up + module.output * module.rank {
                scaled[index] = Float(weight * Double(values[index]))
            }
            add(1, scaled, module, to: &product)
        }
        return product
    }

    /// ‖stacked − exact‖ / ‖exact‖ over all modules: rounding alone.
    func stackingError(of clients: [[Float]], weights: [Double]) -> Double {
        relative { module in
            (
                sum(of: clients, weights: weights, in: module),
                stackedSum(of: clients, weights: weights, in: module)
            )
        }
    }

    private func relative(_ products: (Module) -> (exact: [Double], other: [Double])) -> Double {
        var difference = 0.0, norm = 0.0
        for module in modules {
            let (exact, other) = products(module)
            for (a, b) in zip(exact, other) {
                difference += (a - b) * (a - b)
                norm += a * a
            }
        }
        return norm > 0 ? (difference / norm).squareRoot() : 0
    }

    private func add(_ weight: Double, _ values: [Float], _ module: Module, to product: inout [Double]) {
        let rank = module.rank, input = module.input, frozen = frozen[module.name] ?? []
        let (down, start) = module.down.map { (values, $0) } ?? (frozen, 0)
        product.withUnsafeMutableBufferPointer { product in
            down.withUnsafeBufferPointer { down in
                for row in 0..<module.output {
                    for k in 0..<rank {
                        let factor = weight * Double(values[module.up + row * rank + k])
                        let from = start + k * input, to = row * input
                        for column in 0..<input { product[to + column] += factor * Double(down[from + column]) }
                    }
                }
            }
        }
    }
}
