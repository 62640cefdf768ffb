"""Goldens of tokens: apply_chat_template of transformers, with the masks of what an assistant says.

Two tiny tokenizers of our own lie here, one over bytes as those of ChatML's models, one over characters with bytes to fall back on as Gemma's. Of
the real tokenizers of SmolLM2 135M Instruct and Gemma 3 270M only ids are kept.

Run: python Tests/Goldens/chat-templates/tokens.py [SMOLLM2 GEMMA]    (folders as the hub has them; then generate.py, for the manifest)
"""

import json
import sys
from pathlib import Path

from conversations import CONVERSATIONS
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

HERE = Path(__file__).resolve().parent
FAMILIES = HERE / "families"
TEXTS = [str(message["content"]) for each in CONVERSATIONS for message in each["messages"]] + [
    path.read_text() for path in sorted(FAMILIES.glob("*.jinja"))]


def special(texts):
    return [AddedToken(text, normalized=False, special=True) for text in texts]


def bytes_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=special(["<end>", "<|im_start|>", "<|im_end|>"]),
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer, dict(bos_token="<|im_start|>", eos_token="<|im_end|>", pad_token="<end>")


def characters_tokenizer():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<turn>", "</turn>"]
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=special(names) + [f"<0x{byte:02X}>" for byte in range(256)],
                                  show_progress=False, limit_alphabet=80)
    tokenizer.train_from_iterator((text.replace(" ", "\u2581") for text in TEXTS), trainer)
    return tokenizer, dict(bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<unk>")


def tokens(tokenizer, template):
    """For each conversation the ids and where the mask is 1, or nothing where the template has an error."""
    results = []
    for each in CONVERSATIONS:
        inputs = dict(conversation=each["messages"], chat_template=template, tools=each.get("tools"), documents=each.get("documents"),
                      **{"date_string": "1 Jan 2026", **each.get("extra", {})})
        try:
            if each.get("continue"):
                out = tokenizer.apply_chat_template(continue_final_message=True, **inputs)
            else:
                out = tokenizer.apply_chat_template(add_generation_prompt=each.get("prompt", False), return_assistant_tokens_mask=True, **inputs)
        except Exception:
            results.append(None)
            continue
        mask = out.get("assistant_masks") or []
        results.append({"ids": out["input_ids"], "generated": [index for index, value in enumerate(mask) if value]})
    return results


def main():
    results = {}
    for name, make, family in (("bytes", bytes_tokenizer, "masked"), ("characters", characters_tokenizer, "gemma")):
        tokenizer, roles = make()
        wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=(FAMILIES / f"{family}.jinja").read_text(), **roles)
        folder = HERE / "tokenizers" / name
        wrapped.save_pretrained(folder)
        wrapped = AutoTokenizer.from_pretrained(folder)
        results[name] = {each: tokens(wrapped, (FAMILIES / f"{each}.jinja").read_text()) for each in ("gemma", "llama3", "masked", "smollm3")}
    for name, folder in zip(("smollm2-hf", "gemma-hf"), sys.argv[1:]):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        templates = {each: (FAMILIES / f"{each}.jinja").read_text() for each in ("masked", "smollm3")}
        # With the real tokens of turns.
        templates["gemma"] = (FAMILIES / "gemma.jinja").read_text().replace("<turn>", "<start_of_turn>").replace("</turn>", "<end_of_turn>")
        results[name] = {each: tokens(tokenizer, template) for each, template in templates.items()}
        if tokenizer.chat_template:
            results[name]["own"] = tokens(tokenizer, None)
    (HERE / "tokens.json").write_text(json.dumps(results, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
