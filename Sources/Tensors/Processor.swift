import CKernels
import Foundation

/// The processor that this program runs on.
public enum Processor {
    /// Whether it multiplies bfloat16 and adds up in 32 bits by instructions of its own (AVX512_BF16), as
    /// ``CompressedMatrix/Products/bfloat16`` does.
    public static let multipliesBFloat16 = ptk_has_bfloat16()

    /// What its maker calls it; nil where the system does not say.
    public static let name: String? = {
        #if os(Linux)
            // One line per core, "model name : …"; not on every architecture.
            guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return nil }
            let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
            return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
        #elseif canImport(Darwin)
            var size = 0
            guard sysctlbyname("machdep.cpu.brand_string", nil, &size, nil, 0) == 0, size > 0 else { return nil }
            var bytes = [UInt8](repeating: 0, count: size)
            guard sysctlbyname("machdep.cpu.brand_string", &bytes, &size, nil, 0) == 0 else { return nil }
            return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        #else
            return nil
        #endif
    }()
}
