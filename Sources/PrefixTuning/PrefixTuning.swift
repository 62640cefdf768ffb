// A map of this module; it holds no code.
//
//   Prefix/     Prefix: keys and values for n virtual positions in every attention, which is all that is kept per task.
//               Where its values come from (PrefixInitialization), and the MLP that trains it (Reparametrization).
//   Methods/    TuningMethod: what is trained and how it enters the frozen model. PrefixMethod is the paper's; the others
//               are what the paper compares it with.
//   Training/   Trainer: a step of AdamW over a TuningMethod. Run/ adds the folder: checkpoints, metrics, resuming.
//   Tasks/      From data files to token sequences: E2E, WebNLG, DART, XSUM, and JSON lines of one's own; each a TuningTask, as a
//               program's own ones are.
//   Dialects/   Prefixes and adapters as other programs write them: PEFT, the authors, AdapterHub, rinna, Cartridges.
//   Answering/  AdaptedModel: a model with its adapters, ready to answer. AnswerOptions and AnswerRun answer a task's prompts
//               with it; a PrefixStore keeps the prefixes of many users over it. Names become folders in Hub
//               (ModelReference), which this module does not import: what computes knows of no network.
//   Scoring/    Log-probabilities of texts, perplexity, BERTScore, references.
//   Analysis/   What a prefix does: attention it gets, words it is near, answers side by side.
//
// The way of a prefix: PrefixMethod gives keys and values (InitialKeyValues, in LanguageModels/Cache) -> Trainer passes a
// batch after them and hands the gradient back -> Prefix.write -> Prefix(folder:) -> LanguageModel.generate(_:prefix:).
