import Foundation
import LanguageModels

/// Event files of TensorBoard: `events.out.tfevents.*`.
///
/// A file is a sequence of records of the TFRecord format: length (8 bytes, lowest first), masked CRC-32C of the length, data,
/// masked CRC-32C of the data. A record's data is a protocol buffer `Event`; of its fields these are written: `wall_time` (1, double),
/// `step` (2, int64), `file_version` (3, string), `summary` (5, with a `value` (1) of `tag` (1, string) and `simple_value` (2, float)).
struct TensorBoardFile {
    private let file: AppendedFile
    private let now: () -> Double

    /// Opens the file of a run, or makes one.
    ///
    /// - Parameters:
    ///   - folder: The run's. An event file that is there is continued: what follows the saved state is dropped, so that no
    ///     step is there twice.
    ///   - step: The state's step.
    ///   - validations: How many validations belong to the state.
    ///   - now: Seconds since 1970.
    /// - Throws: `CheckpointError.cannotWrite`.
    init(
        in folder: URL, upTo step: Int, validations: Int, now: @escaping () -> Double = { Date().timeIntervalSince1970 }
    ) throws {
        self.now = now
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        if step > 0, let name = names.filter({ $0.hasPrefix(Self.prefix) }).max() {
            let url = folder.appendingPathComponent(name)
            file = try AppendedFile(url)
            let data = (try? Data(contentsOf: url)) ?? Data()
            try file.truncate(to: Self.kept([UInt8](data), upTo: step, validations: validations))
        } else {
            // Of an earlier run, whose state is gone.
            for name in names where name.hasPrefix(Self.prefix) {
                try? FileManager.default.removeItem(at: folder.appendingPathComponent(name))
            }
            let name = "\(Self.prefix)\(Int(now())).\(ProcessInfo.processInfo.hostName)"
            file = try AppendedFile(folder.appendingPathComponent(name))
            try file.append(Self.record(Self.event(time: now(), step: nil, version: "brain.Event:2")))
        }
    }

    private static let prefix = "events.out.tfevents."
    private static let validationTag = "validation/"

    /// Writes down a step.
    func add(_ step: Trainer.Step, tokensPerSecond: Double) throws {
        try add(
            [
                ("train/loss", step.loss), ("train/token_loss", step.tokenLoss),
                ("train/learning_rate", step.learningRate),
                ("train/gradient_norm", step.gradientNorm), ("train/tokens_per_second", tokensPerSecond),
            ], step: step.number)
    }

    /// Writes down a validation.
    func add(validation loss: Double, step: Int) throws {
        try add([(Self.validationTag + "loss", loss), (Self.validationTag + "perplexity", exp(loss))], step: step)
    }

    /// One event with some values.
    func add(_ values: [(tag: String, value: Double)], step: Int) throws {
        try file.append(Self.record(Self.event(time: now(), step: step, values: values)))
    }

    /// Makes what was appended durable.
    func synchronize() throws { try file.synchronize() }
}

extension TensorBoardFile {
    private static func event(
        time: Double, step: Int?, version: String? = nil, values: [(tag: String, value: Double)] = []
    ) -> [UInt8] {
        var event: [UInt8] = [1 << 3 | 1] + bytes(of: time.bitPattern)
        if let step { event += [2 << 3] + varint(UInt64(step)) }
        if let version { event += field(3, Array(version.utf8)) }
        guard !values.isEmpty else { return event }
        return event
            + field(
                5,
                values.flatMap { tag, value in
                    field(1, field(1, Array(tag.utf8)) + [2 << 3 | 5] + bytes(of: Float(value).bitPattern))
                })
    }

    private static func record(_ data: [UInt8]) -> [UInt8] {
        let length = bytes(of: UInt64(data.count))
        return length + bytes(of: masked(length)) + data + bytes(of: masked(data))
    }

    private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(content.count)) + content
    }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value, bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func bytes(of value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// How many bytes of a file belong to a state: whole records up to its step, with the validations that it counts.
    private static func kept(_ file: [UInt8], upTo step: Int, validations: Int) -> Int {
        var end = 0, found = 0
        while file.count - end >= 16 {
            let length = Array(file[end..<end + 8])
            let count = length.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard bytes(of: masked(length)) == Array(file[end + 8..<end + 12]), count <= UInt64(file.count - end - 16)
            else { break }
            let data = Array(file[end + 12..<end + 12 + Int(count)])
            guard bytes(of: masked(data)) == Array(file[end + 12 + Int(count)..<end + 16 + Int(count)]) else { break }
            // The step follows the time, where there is one.
            if data.count > 10, data[9] == 2 << 3, number(data[10...]) > UInt64(step) { break }
            if contains(data, Array(validationTag.utf8)) {
                guard found < validations else { break }
                found += 1
            }
            end += 16 + Int(count)
        }
        return end
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var value: UInt64 = 0, shift: UInt64 = 0
        for byte in bytes {
            value |= UInt64(byte & 0x7f) << shift
            guard byte & 0x80 != 0, shift < 56 else { break }
            shift += 7
        }
        return value
    }

    private static func contains(_ data: [UInt8], _ part: [UInt8]) -> Bool {
        data.count >= part.count
            && (0...data.count - part.count).contains { data[$0..<$0 + part.count].elementsEqual(part) }
    }

    /// A CRC as TFRecord stores it: rotated and moved, so that a CRC over data that has CRCs in it is none of zeros.
    private static func masked(_ data: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in data { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8) }
        crc = ~crc
        return (crc >> 15 | crc << 17) &+ 0xa282_ead8
    }

    /// CRC-32C (Castagnoli), reflected.
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0x82f6_3b78 ^ (value >> 1) : value >> 1 }
    }
}
