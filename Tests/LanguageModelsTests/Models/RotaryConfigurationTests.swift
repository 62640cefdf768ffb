import Foundation
import LanguageModels
import TestSupport
import Testing

/// What a damaged `config.json` may say of rotary positions: refused by key, never a crash. A fuzzer found the first.
@Suite struct RotaryConfigurationTests {
    @Test(arguments: [
        (#""hidden_size":4,"num_attention_heads":4"#, "rotary_pct"),
        (#""hidden_size":64,"num_attention_heads":4,"rotary_pct":1e300"#, "rotary_pct"),
        (
            #""hidden_size":64,"num_attention_heads":4,"rope_parameters":{"partial_rotary_factor":-1e300}"#,
            "rope_parameters"
        ),
        (#""hidden_size":64,"num_attention_heads":4,"rotary_pct":0.2"#, "rotary_pct"),
        (
            #""hidden_size":64,"num_attention_heads":4,"rope_parameters":{"rope_theta":-1}"#, "rope_parameters"
        ),
        (
            #""hidden_size":64,"num_attention_heads":4,"rope_scaling":{"type":"yarn"}"#, "rope_scaling.factor"
        ),
        (#""hidden_size":64,"num_attention_heads":4,"rope_scaling":{"type":"su"}"#, "rope_scaling.type"),
        (
            #""hidden_size":64,"num_attention_heads":4,"rope_scaling":{"type":"dynamic","factor":-1}"#,
            "rope_scaling.factor"
        ),
        (
            #""hidden_size":64,"num_attention_heads":4,"rope_scaling":{"type":"longrope","short_factor":[1]}"#,
            "rope_scaling.short_factor"
        ),
        (
            #""hidden_size":64,"num_attention_heads":4,"rope_scaling":{"rope_type":"llama3","factor":8}"#,
            "rope_scaling.low_freq_factor"
        ),
    ])
    func refuses(_ entries: String, key: String) throws {
        try withCheckpointFolder { folder in
            let url = folder.appendingPathComponent("config.json")
            try Data(#"{"model_type":"gpt_neox",\#(entries)}"#.utf8).write(to: url)
            do {
                _ = try ModelConfigurationFile.read(from: url)
                Issue.record("accepted")
            } catch CheckpointError.invalidConfiguration(let file, let path, _) {
                #expect((file, path) == (url.path, key))
            }
        }
    }
}
