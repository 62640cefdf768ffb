// Written by Tests/Goldens/tokenizers/unicode_tables.py; do not edit.
// Source: every code point put to Hugging Face tokenizers 0.23.3.

extension LetterCase {
    /// Per run, in base 36: distance to its first code point from the last run's, number of code points, step,
    /// and distance to the lower case, doubled, less one where it is negative.
    static let lowerRuns = """
        1t q 1 1s 3j n 1 1s o 7 1 1s 14 o 2 2 1e 3 2 2 7 8 2 2 h n 2 2 1a 1 1 6p 1 3 2 2 8 1 1 bo 1 2 2 2 4 1 1 bg 1 \
        1 1 2 2 2 1 be 2 1 1 2 3 1 1 4e 1 1 1 b8 1 1 1 ba 1 1 1 2 2 1 1 be 1 1 1 bi 2 1 1 bq 1 1 1 bm 1 1 1 2 4 1 1 \
        bq 1 1 1 bu 2 1 1 bw 1 3 2 2 6 1 1 c4 1 1 1 2 2 1 1 c4 3 1 1 2 2 1 1 c4 1 1 1 2 2 2 1 c2 2 2 2 2 4 1 1 c6 1 \
        1 1 2 4 1 1 2 8 1 1 4 1 1 1 2 2 1 1 4 1 1 1 2 2 1 1 4 1 9 2 2 j 9 2 2 j 1 1 4 1 2 2 2 4 1 1 5d 1 1 1 33 1 k \
        2 2 14 1 1 77 2 9 2 2 o 1 1 gnq 1 1 1 2 2 1 1 91 1 1 1 gnk 3 1 1 2 2 1 1 at 1 1 1 3u 1 1 1 3y 1 5 2 2 8a 2 2 \
        2 6 1 1 2 9 1 1 6g 7 1 1 24 2 3 1 22 4 1 1 3k 2 2 1 3i 3 h 1 1s i 9 1 1s 18 1 1 g 9 c 2 2 s 1 1 3b 3 1 1 2 2 \
        1 1 d 1 1 1 2 3 3 1 77 3 g 1 4g g w 1 1s 28 h 2 2 16 r 2 2 1i 1 1 u 1 7 2 2 f 1c 2 2 2p 12 1 2o 29b 12 1 b7k \
        13 1 1 b7k 6 1 1 b7k k3 28 1 1nz4 28 6 1 g 1p5 1 1 2 7 17 1 4n3 19 3 1 4n3 8z 23 2 2 4e 1 1 br1 2 1c 2 2 2w \
        8 1 f g 6 1 f g 8 1 f g 8 1 f g 6 1 f h 4 2 f f 8 1 f w 8 1 f g 8 1 f g 8 1 f g 2 1 f 2 2 1 43 2 1 1 h c 4 1 \
        4r 4 1 1 h c 2 1 f 2 2 1 5j e 2 1 f 2 2 1 67 2 1 1 d c 2 1 73 2 2 1 6z 2 1 1 h 8a 1 1 bll 4 1 1 cxp 1 1 1 \
        cqz 7 1 1 1k 1a g 1 w z 1 1 2 mr q 1 1g 1fu 1c 1 2o 2o 1 1 2 2 1 1 gkt 1 1 1 5vv 1 1 1 gjx 3 3 2 2 6 1 1 gmv \
        1 1 1 gl5 1 1 1 gn1 1 1 1 gmz 2 1 1 2 3 1 1 2 9 2 1 got 2 1e 2 2 2z 2 2 2 7 1 1 2 nym n 2 2 1s e 2 2 4i 7 2 \
        2 g v 2 2 1z 2 2 2 4 1 1 1iiv 1 5 2 2 d 1 1 2 2 1 1 1t8v 3 2 2 2 6 a 2 2 k 1 1 1taf 1 1 1 1tb1 1 1 1 1tat 1 \
        1 1 1ta9 1 1 1 1taf 2 1 1 1t7n 1 1 1 1t8z 1 1 1 1t7t 1 1 1 1fk 1 8 2 2 g 1 1 2n 1 1 1 1tad 1 1 1 1ilr 1 2 2 \
        2 4 1 1 1tcd 1 8 2 2 g 1 1 1toh p 1 1 2 h7w q 1 1s yn 14 1 28 4w 10 1 28 5c b 1 26 c f 1 26 g 7 1 26 8 2 1 \
        26 1d8 1f 1 3k 5s m 1 1s 28g w 1 1s gww w 1 1s 2o p 1 1i o68 y 1 1w
        """
}
