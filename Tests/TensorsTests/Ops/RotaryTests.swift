import Foundation
import Testing

@testable import Tensors

/// A batch to turn.
private struct Subject: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let positions: [Int32]
    let heads: Int, headWidth: Int, rotaryWidth: Int
    /// Columns after the turned heads.
    let rest: Int
    var scale: Float = 1

    var width: Int { heads * headWidth + rest }
    var shape: [Int] { [positions.count, width] }
    /// The frequencies of the paper, 10000^(−2i/width).
    var frequencies: [Float] {
        (0..<rotaryWidth / 2).map { Float(pow(10_000, -2 * Double($0) / Double(rotaryWidth))) }
    }

    @Compute func rotate(_ x: Tensor) -> Tensor {
        x.rotated(
            positions: positions, heads: heads, headWidth: headWidth, rotaryWidth: rotaryWidth,
            frequencies: frequencies, scale: scale)
    }

    /// Each pair multiplied by a rotation matrix, in double precision; the angle is a float product.
    func reference(_ x: [Double], back: Bool = false) -> [Double] {
        var y = x
        let half = rotaryWidth / 2
        for (row, position) in positions.enumerated() {
            for head in 0..<heads {
                for i in 0..<half {
                    let angle = Double(Float(position) * frequencies[i]) * (back ? -1 : 1)
                    let first = row * width + head * headWidth + i, second = first + half
                    y[first] = (x[first] * cos(angle) - x[second] * sin(angle)) * Double(scale)
                    y[second] = (x[first] * sin(angle) + x[second] * cos(angle)) * Double(scale)
                }
            }
        }
        return y
    }

    static let all = [
        Subject(
            testDescription: "whole heads, then values", positions: [0, 1, 2, 0, 5], heads: 3, headWidth: 8,
            rotaryWidth: 8, rest: 16),
        Subject(
            testDescription: "a part of each head", positions: [7, 7, 3], heads: 2, headWidth: 13, rotaryWidth: 6,
            rest: 5),
        Subject(
            testDescription: "scaled, nothing after the heads", positions: [100, 0, 4095], heads: 1, headWidth: 20,
            rotaryWidth: 20, rest: 0, scale: 1.25),
        Subject(
            testDescription: "one row far on", positions: [131_071], heads: 2, headWidth: 64, rotaryWidth: 64,
            rest: 64),
        Subject(
            testDescription: "many rows", positions: (0..<300).map { Int32($0 % 130) }, heads: 6, headWidth: 64,
            rotaryWidth: 32, rest: 128),
    ]
}

@Compute @Suite struct RotaryTests {
    @Test(arguments: Subject.all.prefix(3))
    private func referenceGradientIsTheSlope(subject: Subject) {
        var random = SeededGenerator(80)
        let count = subject.shape[0] * subject.width
        let x = random.values(count).doubles, c = random.values(count).doubles
        expectSlope(of: { dot(c, subject.reference($0)) }, at: x, equals: subject.reference(c, back: true), "x")
    }

    @Test(arguments: Subject.all)
    private func equalsReference(subject: Subject) {
        var random = SeededGenerator(81)
        let count = subject.shape[0] * subject.width
        let x = random.values(count), c = random.values(count), tape = Tape()
        let xs = Tensor(x, shape: subject.shape, tape: tape), y = subject.rotate(xs)
        #expect(y.shape == subject.shape)
        y.backward(c)
        expectClose(y.values, subject.reference(x.doubles), tolerance: 3e-7, "y")
        let expected = subject.reference(c.doubles, back: true)
        expectClose(xs.gradient?.value?.values, expected, tolerance: 3e-7, "dx")
        #expect(xs.values == x)
    }

    @Test(arguments: Subject.all)
    private func addsToCollectedGradients(subject: Subject) {
        var random = SeededGenerator(82)
        let count = subject.shape[0] * subject.width
        let x = random.values(count), c = random.values(count), tape = Tape()
        let xs = Tensor(x, shape: subject.shape, tape: tape)
        (subject.rotate(xs) + subject.rotate(xs)).backward(c)
        let expected = subject.reference(c.doubles, back: true).map { 2 * $0 }
        expectClose(xs.gradient?.value?.values, expected, tolerance: 6e-7, "dx")
    }

    /// The point of it all: q·k depends on the difference of the positions only.
    @Test func productsDependOnTheDistanceOnly() {
        var random = SeededGenerator(83)
        let q = random.values(16), k = random.values(16)
        let frequencies = (0..<8).map { Float(pow(100, -Double($0) / 8)) }
        func product(_ query: Int32, _ key: Int32) -> Double {
            let y = Tensor(q + k, shape: [2, 16]).rotated(
                positions: [query, key], heads: 1, headWidth: 16, rotaryWidth: 16, frequencies: frequencies
            ).values.doubles
            return dot(Array(y[..<16]), Array(y[16...]))
        }
        #expect(abs(product(9, 4) - product(25, 20)) < 1e-5)
        #expect(abs(product(9, 4) - product(25, 21)) > 1e-2)
    }

    @Test func noRows() {
        let tape = Tape(), x = Tensor([], shape: [0, 8], tape: tape)
        let y = x.rotated(positions: [], heads: 2, headWidth: 4, rotaryWidth: 4, frequencies: [1, 0.1])
        #expect(y.shape == [0, 8])
        y.backward([])
        #expect(x.gradient?.value?.shape == [0, 8])
    }
}
