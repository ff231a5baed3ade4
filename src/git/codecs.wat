;; Inflating (RFC 1950 and 1951) and SHA-1 (FIPS 180-4, section 6.1). firstCodecs.ts tells what for.
;;
;; The caller puts bytes at INPUT, at most INPUT_ROOM, and finds what comes out at OUTPUT or DIGEST.
;; `wabt` assembles this file when the program is bundled (scripts/bundle.mjs).
(module
  (memory (export "memory") 5)

  ;; Where things lie in the memory, in bytes.
  (global $LENGTH_BASE i32 (i32.const 0))     ;; 29 of 16 bits: shortest match of length codes 257 on
  (global $LENGTH_EXTRA i32 (i32.const 64))   ;; 29 of 8 bits: extra bits that follow the code
  (global $DISTANCE_BASE i32 (i32.const 128)) ;; 30 of 16 bits
  (global $DISTANCE_EXTRA i32 (i32.const 192)) ;; 30 of 8 bits
  (global $ORDER i32 (i32.const 224))         ;; 19 of 8 bits: in which code lengths of code lengths come
  (global $LENGTHS i32 (i32.const 256))       ;; 320 of 8 bits: of all codes of a block
  (global $LITERALS i32 (i32.const 1024))     ;; a code table each, 4096 bytes
  (global $DISTANCES i32 (i32.const 5120))
  (global $WORDS i32 (i32.const 9216))        ;; 80 of 32 bits: message schedule of SHA-1
  (global $DIGEST (export "DIGEST") i32 (i32.const 9600)) ;; 20: its result
  (global $INPUT (export "INPUT") i32 (i32.const 16384))
  (global $INPUT_ROOM (export "INPUT_ROOM") i32 (i32.const 147384)) ;; less than there is by 72
  (global $OUTPUT (export "OUTPUT") i32 (i32.const 163840))
  (global $OUTPUT_ROOM (export "OUTPUT_ROOM") i32 (i32.const 163840))

  ;; A code table: what the next 10 bits stand for (1024 of 16 bits: symbol times 16, plus the number
  ;; of bits; 0 for a longer code), then for longer codes: how many codes there are of each length
  ;; (16 of 16 bits), and all symbols in the order of their codes (320 of 16 bits). Behind that is, while
  ;; the table is made, the next code of each length and where its symbol goes (16 of 16 bits each).
  (global $COUNTS i32 (i32.const 2048))
  (global $SYMBOLS i32 (i32.const 2080))
  (global $NEXT_CODE i32 (i32.const 2720))
  (global $NEXT_PLACE i32 (i32.const 2752))

  (data (i32.const 0)
    "\03\00\04\00\05\00\06\00\07\00\08\00\09\00\0a\00\0b\00\0d\00\0f\00\11\00\13\00\17\00\1b\00"
    "\1f\00\23\00\2b\00\33\00\3b\00\43\00\53\00\63\00\73\00\83\00\a3\00\c3\00\e3\00\02\01")
  (data (i32.const 64)
    "\00\00\00\00\00\00\00\00\01\01\01\01\02\02\02\02\03\03\03\03\04\04\04\04\05\05\05\05\00")
  (data (i32.const 128)
    "\01\00\02\00\03\00\04\00\05\00\07\00\09\00\0d\00\11\00\19\00\21\00\31\00\41\00\61\00\81\00"
    "\c1\00\01\01\81\01\01\02\01\03\01\04\01\06\01\08\01\0c\01\10\01\18\01\20\01\30\01\40\01\60")
  (data (i32.const 192)
    "\00\00\00\00\01\01\02\02\03\03\04\04\05\05\06\06\07\07\08\08\09\09\0a\0a\0b\0b\0c\0c\0d\0d")
  (data (i32.const 224) "\10\11\12\00\08\07\09\06\0a\05\0b\04\0c\03\0d\02\0e\01\0f")

  ;; Bits that were taken from the input and not used yet, the first one lowest.
  (global $hold (mut i64) (i64.const 0))
  (global $held (mut i32) (i32.const 0))
  (global $in (mut i32) (i32.const 0))
  (global $inEnd (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0))
  (global $outEnd (mut i32) (i32.const 0))
  ;; Whether the tables are those of blocks with fixed codes.
  (global $isFixed (mut i32) (i32.const 0))

  ;; Holds at least 32 bits afterwards, or all that there are.
  (func $refill
    (if (i32.ge_u (global.get $held) (i32.const 32)) (then (return)))
    (if (i32.le_u (i32.add (global.get $in) (i32.const 4)) (global.get $inEnd))
      (then
        (global.set $hold (i64.or (global.get $hold)
          (i64.shl (i64.load32_u (global.get $in)) (i64.extend_i32_u (global.get $held)))))
        (global.set $in (i32.add (global.get $in) (i32.const 4)))
        (global.set $held (i32.add (global.get $held) (i32.const 32)))
        (return)))
    (loop $next
      (if (i32.lt_u (global.get $in) (global.get $inEnd))
        (then
          (global.set $hold (i64.or (global.get $hold)
            (i64.shl (i64.load8_u (global.get $in)) (i64.extend_i32_u (global.get $held)))))
          (global.set $in (i32.add (global.get $in) (i32.const 1)))
          (global.set $held (i32.add (global.get $held) (i32.const 8)))
          (br $next)))))

  ;; The next `count` bits, at most 16, as a number; -1 when the input ends before.
  (func $bits (param $count i32) (result i32)
    (local $value i32)
    (call $refill)
    (if (i32.lt_u (global.get $held) (local.get $count)) (then (return (i32.const -1))))
    (local.set $value (i32.and (i32.wrap_i64 (global.get $hold))
      (i32.sub (i32.shl (i32.const 1) (local.get $count)) (i32.const 1))))
    (global.set $hold (i64.shr_u (global.get $hold) (i64.extend_i32_u (local.get $count))))
    (global.set $held (i32.sub (global.get $held) (local.get $count)))
    (local.get $value))

  ;; The symbol whose code comes next; -1 when there is no such code, or the input ends before.
  (func $symbol (param $table i32) (result i32)
    (local $entry i32) (local $length i32) (local $code i32) (local $first i32) (local $index i32)
    (local $count i32)
    (call $refill)
    (local.set $entry (i32.load16_u (i32.add (local.get $table)
      (i32.shl (i32.and (i32.wrap_i64 (global.get $hold)) (i32.const 1023)) (i32.const 1)))))
    (if (i32.eqz (local.get $entry))
      (then
        ;; Codes of one length are numbers in a row: see where in which row the bits so far are.
        (block $found
          (loop $longer
            (if (i32.eq (local.get $length) (i32.const 15)) (then (return (i32.const -1))))
            (local.set $code (i32.or (local.get $code) (i32.and (i32.const 1) (i32.wrap_i64
              (i64.shr_u (global.get $hold) (i64.extend_i32_u (local.get $length)))))))
            (local.set $length (i32.add (local.get $length) (i32.const 1)))
            (local.set $count (i32.load16_u (i32.add (global.get $COUNTS)
              (i32.add (local.get $table) (i32.shl (local.get $length) (i32.const 1))))))
            (br_if $found (i32.lt_u
              (i32.sub (local.get $code) (local.get $first)) (local.get $count)))
            (local.set $index (i32.add (local.get $index) (local.get $count)))
            (local.set $first
              (i32.shl (i32.add (local.get $first) (local.get $count)) (i32.const 1)))
            (local.set $code (i32.shl (local.get $code) (i32.const 1)))
            (br $longer)))
        (local.set $index
          (i32.add (local.get $index) (i32.sub (local.get $code) (local.get $first))))
        (local.set $entry (i32.or (local.get $length) (i32.shl
          (i32.load16_u (i32.add (global.get $SYMBOLS)
            (i32.add (local.get $table) (i32.shl (local.get $index) (i32.const 1)))))
          (i32.const 4))))))
    (local.set $length (i32.and (local.get $entry) (i32.const 15)))
    (if (i32.lt_u (global.get $held) (local.get $length)) (then (return (i32.const -1))))
    (global.set $hold (i64.shr_u (global.get $hold) (i64.extend_i32_u (local.get $length))))
    (global.set $held (i32.sub (global.get $held) (local.get $length)))
    (i32.shr_u (local.get $entry) (i32.const 4)))

  ;; Makes a code table from `count` code lengths at `lengths`. Gives back whether they make a code: a
  ;; full one, or one of a single symbol and bit, or one of none.
  (func $build (param $table i32) (param $lengths i32) (param $count i32) (result i32)
    (local $i i32) (local $length i32) (local $at i32) (local $left i32) (local $code i32)
    (local $place i32) (local $reversed i32) (local $bit i32)
    (memory.fill (local.get $table) (i32.const 0) (global.get $SYMBOLS))
    (loop $each
      (local.set $at (i32.add (i32.add (local.get $table) (global.get $COUNTS)) (i32.shl
        (i32.load8_u (i32.add (local.get $lengths) (local.get $i))) (i32.const 1))))
      (i32.store16 (local.get $at) (i32.add (i32.load16_u (local.get $at)) (i32.const 1)))
      (br_if $each (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))
    ;; Symbols without a code.
    (local.set $i (i32.load16_u (i32.add (local.get $table) (global.get $COUNTS))))
    (i32.store16 (i32.add (local.get $table) (global.get $COUNTS)) (i32.const 0))
    (if (i32.eq (local.get $i) (local.get $count)) (then (return (i32.const 1))))
    (local.set $left (i32.const 1))
    (loop $each
      (local.set $length (i32.add (local.get $length) (i32.const 1)))
      (local.set $at (i32.add (local.get $table) (i32.shl (local.get $length) (i32.const 1))))
      (local.set $code (i32.shl (local.get $code) (i32.const 1)))
      (i32.store16 (i32.add (local.get $at) (global.get $NEXT_CODE)) (local.get $code))
      (i32.store16 (i32.add (local.get $at) (global.get $NEXT_PLACE)) (local.get $place))
      (local.set $bit (i32.load16_u (i32.add (local.get $at) (global.get $COUNTS))))
      (local.set $code (i32.add (local.get $code) (local.get $bit)))
      (local.set $place (i32.add (local.get $place) (local.get $bit)))
      (local.set $left (i32.sub (i32.shl (local.get $left) (i32.const 1)) (local.get $bit)))
      (if (i32.lt_s (local.get $left) (i32.const 0)) (then (return (i32.const 0))))
      (br_if $each (i32.lt_u (local.get $length) (i32.const 15))))
    (if (local.get $left)
      (then
        (if (i32.ne (local.get $place) (i32.const 1)) (then (return (i32.const 0))))
        (if (i32.ne (i32.const 1) (i32.load16_u
              (i32.add (i32.add (local.get $table) (global.get $COUNTS)) (i32.const 2))))
          (then (return (i32.const 0))))))
    (local.set $i (i32.const 0))
    (loop $each
      (local.set $length (i32.load8_u (i32.add (local.get $lengths) (local.get $i))))
      (if (local.get $length)
        (then
          (local.set $at (i32.add (local.get $table) (i32.shl (local.get $length) (i32.const 1))))
          (local.set $code (i32.load16_u (i32.add (local.get $at) (global.get $NEXT_CODE))))
          (local.set $place (i32.load16_u (i32.add (local.get $at) (global.get $NEXT_PLACE))))
          (i32.store16 (i32.add (local.get $at) (global.get $NEXT_CODE))
            (i32.add (local.get $code) (i32.const 1)))
          (i32.store16 (i32.add (local.get $at) (global.get $NEXT_PLACE))
            (i32.add (local.get $place) (i32.const 1)))
          (i32.store16
            (i32.add (i32.add (local.get $table) (global.get $SYMBOLS))
              (i32.shl (local.get $place) (i32.const 1)))
            (local.get $i))
          (if (i32.le_u (local.get $length) (i32.const 10))
            (then
              ;; Codes come with their highest bit first, in the lowest bit.
              (local.set $reversed (i32.const 0))
              (local.set $bit (local.get $length))
              (loop $turn
                (local.set $reversed (i32.or (i32.shl (local.get $reversed) (i32.const 1))
                  (i32.and (local.get $code) (i32.const 1))))
                (local.set $code (i32.shr_u (local.get $code) (i32.const 1)))
                (br_if $turn (local.tee $bit (i32.sub (local.get $bit) (i32.const 1)))))
              (loop $fill
                (i32.store16
                  (i32.add (local.get $table) (i32.shl (local.get $reversed) (i32.const 1)))
                  (i32.or (i32.shl (local.get $i) (i32.const 4)) (local.get $length)))
                (local.set $reversed (i32.add (local.get $reversed)
                  (i32.shl (i32.const 1) (local.get $length))))
                (br_if $fill (i32.lt_u (local.get $reversed) (i32.const 1024))))))))
      (br_if $each (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $count))))
    (i32.const 1))

  (func $fixedTables
    (if (global.get $isFixed) (then (return)))
    (memory.fill (global.get $LENGTHS) (i32.const 8) (i32.const 144))
    (memory.fill (i32.add (global.get $LENGTHS) (i32.const 144)) (i32.const 9) (i32.const 112))
    (memory.fill (i32.add (global.get $LENGTHS) (i32.const 256)) (i32.const 7) (i32.const 24))
    (memory.fill (i32.add (global.get $LENGTHS) (i32.const 280)) (i32.const 8) (i32.const 8))
    (drop (call $build (global.get $LITERALS) (global.get $LENGTHS) (i32.const 288)))
    (memory.fill (global.get $LENGTHS) (i32.const 5) (i32.const 32))
    (drop (call $build (global.get $DISTANCES) (global.get $LENGTHS) (i32.const 32)))
    (global.set $isFixed (i32.const 1)))

  ;; Reads the tables of a block. As every part of a stream below it gives back whether all is well.
  (func $dynamicTables (result i32)
    (local $literals i32) (local $distances i32) (local $codes i32) (local $i i32)
    (local $symbol i32) (local $repeat i32) (local $length i32)
    (global.set $isFixed (i32.const 0))
    (local.set $literals (i32.add (call $bits (i32.const 5)) (i32.const 257)))
    (local.set $distances (i32.add (call $bits (i32.const 5)) (i32.const 1)))
    (local.set $codes (i32.add (call $bits (i32.const 4)) (i32.const 4)))
    (if (i32.lt_s (local.get $codes) (i32.const 4)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $literals) (i32.const 286)) (then (return (i32.const 0))))
    (if (i32.gt_u (local.get $distances) (i32.const 30)) (then (return (i32.const 0))))
    (memory.fill (global.get $LENGTHS) (i32.const 0) (i32.const 19))
    (loop $each
      (local.set $length (call $bits (i32.const 3)))
      (if (i32.lt_s (local.get $length) (i32.const 0)) (then (return (i32.const 0))))
      (i32.store8
        (i32.add (global.get $LENGTHS)
          (i32.load8_u (i32.add (global.get $ORDER) (local.get $i))))
        (local.get $length))
      (br_if $each (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $codes))))
    (if (i32.eqz (call $build (global.get $LITERALS) (global.get $LENGTHS) (i32.const 19)))
      (then (return (i32.const 0))))
    (local.set $codes (i32.add (local.get $literals) (local.get $distances)))
    (local.set $i (i32.const 0))
    (loop $each
      (local.set $symbol (call $symbol (global.get $LITERALS)))
      (if (i32.lt_s (local.get $symbol) (i32.const 0)) (then (return (i32.const 0))))
      (local.set $repeat (i32.const 1))
      (local.set $length (local.get $symbol))
      (if (i32.ge_u (local.get $symbol) (i32.const 16))
        (then
          (local.set $length (i32.const 0))
          (if (i32.eq (local.get $symbol) (i32.const 16))
            (then
              (if (i32.eqz (local.get $i)) (then (return (i32.const 0))))
              (local.set $length (i32.load8_u
                (i32.sub (i32.add (global.get $LENGTHS) (local.get $i)) (i32.const 1))))
              (local.set $repeat (i32.add (call $bits (i32.const 2)) (i32.const 3)))
              (if (i32.lt_s (local.get $repeat) (i32.const 3)) (then (return (i32.const 0)))))
            (else
              (if (i32.eq (local.get $symbol) (i32.const 17))
                (then
                  (local.set $repeat (i32.add (call $bits (i32.const 3)) (i32.const 3)))
                  (if (i32.lt_s (local.get $repeat) (i32.const 3))
                    (then (return (i32.const 0)))))
                (else
                  (local.set $repeat (i32.add (call $bits (i32.const 7)) (i32.const 11)))
                  (if (i32.lt_s (local.get $repeat) (i32.const 11))
                    (then (return (i32.const 0))))))))))
      (if (i32.gt_u (i32.add (local.get $i) (local.get $repeat)) (local.get $codes))
        (then (return (i32.const 0))))
      (memory.fill (i32.add (global.get $LENGTHS) (local.get $i))
        (local.get $length) (local.get $repeat))
      (local.set $i (i32.add (local.get $i) (local.get $repeat)))
      (br_if $each (i32.lt_u (local.get $i) (local.get $codes))))
    ;; Without a code for the end of the block it could not end.
    (if (i32.eqz (i32.load8_u (i32.add (global.get $LENGTHS) (i32.const 256))))
      (then (return (i32.const 0))))
    (if (i32.eqz (call $build (global.get $LITERALS) (global.get $LENGTHS) (local.get $literals)))
      (then (return (i32.const 0))))
    (call $build (global.get $DISTANCES)
      (i32.add (global.get $LENGTHS) (local.get $literals)) (local.get $distances)))

  (func $codedBlock (result i32)
    (local $symbol i32) (local $length i32) (local $distance i32) (local $from i32)
    (loop $next
      (local.set $symbol (call $symbol (global.get $LITERALS)))
      (if (i32.lt_s (local.get $symbol) (i32.const 0)) (then (return (i32.const 0))))
      (if (i32.lt_u (local.get $symbol) (i32.const 256))
        (then
          (if (i32.eq (global.get $out) (global.get $outEnd)) (then (return (i32.const 0))))
          (i32.store8 (global.get $out) (local.get $symbol))
          (global.set $out (i32.add (global.get $out) (i32.const 1)))
          (br $next)))
      (if (i32.eq (local.get $symbol) (i32.const 256)) (then (return (i32.const 1))))
      (local.set $symbol (i32.sub (local.get $symbol) (i32.const 257)))
      (if (i32.ge_u (local.get $symbol) (i32.const 29)) (then (return (i32.const 0))))
      (local.set $length
        (call $bits (i32.load8_u (i32.add (global.get $LENGTH_EXTRA) (local.get $symbol)))))
      (if (i32.lt_s (local.get $length) (i32.const 0)) (then (return (i32.const 0))))
      (local.set $length (i32.add (local.get $length) (i32.load16_u
        (i32.add (global.get $LENGTH_BASE) (i32.shl (local.get $symbol) (i32.const 1))))))
      (local.set $symbol (call $symbol (global.get $DISTANCES)))
      (if (i32.ge_u (local.get $symbol) (i32.const 30)) (then (return (i32.const 0))))
      (local.set $distance
        (call $bits (i32.load8_u (i32.add (global.get $DISTANCE_EXTRA) (local.get $symbol)))))
      (if (i32.lt_s (local.get $distance) (i32.const 0)) (then (return (i32.const 0))))
      (local.set $distance (i32.add (local.get $distance) (i32.load16_u
        (i32.add (global.get $DISTANCE_BASE) (i32.shl (local.get $symbol) (i32.const 1))))))
      (if (i32.gt_u (local.get $distance) (i32.sub (global.get $out) (global.get $OUTPUT)))
        (then (return (i32.const 0))))
      (if (i32.gt_u (local.get $length) (i32.sub (global.get $outEnd) (global.get $out)))
        (then (return (i32.const 0))))
      (local.set $from (i32.sub (global.get $out) (local.get $distance)))
      (if (i32.ge_u (local.get $distance) (local.get $length))
        (then
          (memory.copy (global.get $out) (local.get $from) (local.get $length))
          (global.set $out (i32.add (global.get $out) (local.get $length))))
        (else
          ;; It repeats what it writes.
          (loop $byte
            (i32.store8 (global.get $out) (i32.load8_u (local.get $from)))
            (global.set $out (i32.add (global.get $out) (i32.const 1)))
            (local.set $from (i32.add (local.get $from) (i32.const 1)))
            (br_if $byte
              (local.tee $length (i32.sub (local.get $length) (i32.const 1)))))))
      (br $next))
    (i32.const 0))

  ;; Gives whole bytes that are held back to the input, and drops the rest of a byte.
  (func $toByte
    (global.set $in
      (i32.sub (global.get $in) (i32.shr_u (global.get $held) (i32.const 3))))
    (global.set $hold (i64.const 0))
    (global.set $held (i32.const 0)))

  (func $storedBlock (result i32)
    (local $length i32) (local $fits i32)
    (call $toByte)
    (if (i32.gt_u (i32.add (global.get $in) (i32.const 4)) (global.get $inEnd))
      (then (return (i32.const 0))))
    (local.set $length (i32.load16_u (global.get $in)))
    (if (i32.ne (i32.xor (local.get $length) (i32.const 65535))
          (i32.load16_u (i32.add (global.get $in) (i32.const 2))))
      (then (return (i32.const 0))))
    (global.set $in (i32.add (global.get $in) (i32.const 4)))
    ;; As much of it as there is, so that the beginning of a stream shows.
    (local.set $fits (local.get $length))
    (if (i32.gt_u (local.get $fits) (i32.sub (global.get $inEnd) (global.get $in)))
      (then (local.set $fits (i32.sub (global.get $inEnd) (global.get $in)))))
    (if (i32.gt_u (local.get $fits) (i32.sub (global.get $outEnd) (global.get $out)))
      (then (local.set $fits (i32.sub (global.get $outEnd) (global.get $out)))))
    (memory.copy (global.get $out) (global.get $in) (local.get $fits))
    (global.set $in (i32.add (global.get $in) (local.get $fits)))
    (global.set $out (i32.add (global.get $out) (local.get $fits)))
    (i32.eq (local.get $fits) (local.get $length)))

  ;; The checksum at a stream's end (Adler-32, RFC 1950) of the output.
  (func $checksum (result i32)
    (local $at i32) (local $stop i32) (local $a i32) (local $b i32)
    (local.set $at (global.get $OUTPUT))
    (local.set $a (i32.const 1))
    (block $done
      (loop $part
        (br_if $done (i32.eq (local.get $at) (global.get $out)))
        ;; The sums of so many bytes fit into 32 bits.
        (local.set $stop (i32.add (local.get $at) (i32.const 5552)))
        (if (i32.gt_u (local.get $stop) (global.get $out))
          (then (local.set $stop (global.get $out))))
        (loop $byte
          (local.set $a (i32.add (local.get $a) (i32.load8_u (local.get $at))))
          (local.set $b (i32.add (local.get $b) (local.get $a)))
          (br_if $byte (i32.lt_u
            (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $stop))))
        (local.set $a (i32.rem_u (local.get $a) (i32.const 65521)))
        (local.set $b (i32.rem_u (local.get $b) (i32.const 65521)))
        (br $part)))
    (i32.or (i32.shl (local.get $b) (i32.const 16)) (local.get $a)))

  (func $bigEndian (param $at i32) (result i32)
    (local $word i32)
    (local.set $word (i32.load (local.get $at)))
    (i32.or
      (i32.rotl (i32.and (local.get $word) (i32.const 0x00ff00ff)) (i32.const 24))
      (i32.rotl (i32.and (local.get $word) (i32.const 0xff00ff00)) (i32.const 8))))

  ;; Inflates the zlib stream at the beginning of the input, which is `length` bytes long, to at most
  ;; `room` bytes of output. Gives back how many bytes of the input belong to the stream; -1 when it is
  ;; broken, goes on behind the end of the input, or has no room. `inflated` tells how far it came.
  (func (export "inflate") (param $length i32) (param $room i32) (result i32)
    (local $isLast i32) (local $kind i32) (local $head i32)
    (global.set $hold (i64.const 0))
    (global.set $held (i32.const 0))
    (global.set $in (i32.add (global.get $INPUT) (i32.const 2)))
    (global.set $inEnd (i32.add (global.get $INPUT) (local.get $length)))
    (global.set $out (global.get $OUTPUT))
    (global.set $outEnd (i32.add (global.get $OUTPUT) (local.get $room)))
    (if (i32.lt_u (local.get $length) (i32.const 2)) (then (return (i32.const -1))))
    ;; Deflate, a window of at most 32 KiB, no dictionary, and a remainder as check.
    (local.set $head (i32.load16_u (global.get $INPUT)))
    (if (i32.ne (i32.and (local.get $head) (i32.const 0x208f)) (i32.const 8))
      (then (return (i32.const -1))))
    (if (i32.rem_u
          (i32.or (i32.shl (i32.and (local.get $head) (i32.const 255)) (i32.const 8))
            (i32.shr_u (local.get $head) (i32.const 8)))
          (i32.const 31))
      (then (return (i32.const -1))))
    (loop $block
      (local.set $isLast (call $bits (i32.const 1)))
      (local.set $kind (call $bits (i32.const 2)))
      (if (i32.eq (local.get $kind) (i32.const 0))
        (then (if (i32.eqz (call $storedBlock)) (then (return (i32.const -1)))))
        (else
          (if (i32.eq (local.get $kind) (i32.const 1))
            (then (call $fixedTables))
            (else
              (if (i32.ne (local.get $kind) (i32.const 2)) (then (return (i32.const -1))))
              (if (i32.eqz (call $dynamicTables)) (then (return (i32.const -1))))))
          (if (i32.eqz (call $codedBlock)) (then (return (i32.const -1))))))
      (br_if $block (i32.eqz (local.get $isLast))))
    (call $toByte)
    (if (i32.gt_u (i32.add (global.get $in) (i32.const 4)) (global.get $inEnd))
      (then (return (i32.const -1))))
    (if (i32.ne (call $bigEndian (global.get $in)) (call $checksum))
      (then (return (i32.const -1))))
    (i32.sub (i32.add (global.get $in) (i32.const 4)) (global.get $INPUT)))

  ;; How many bytes of output there are.
  (func (export "inflated") (result i32) (i32.sub (global.get $out) (global.get $OUTPUT)))

  ;; Makes the digest of the first `length` bytes of the input. Behind them, 72 bytes are written over.
  (func (export "sha1") (param $length i32)
    (local $at i32) (local $end i32) (local $i i32)
    (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $e i32) (local $next i32)
    (local $a0 i32) (local $b0 i32) (local $c0 i32) (local $d0 i32) (local $e0 i32)
    (local.set $a0 (i32.const 0x67452301))
    (local.set $b0 (i32.const 0xefcdab89))
    (local.set $c0 (i32.const 0x98badcfe))
    (local.set $d0 (i32.const 0x10325476))
    (local.set $e0 (i32.const 0xc3d2e1f0))
    ;; A bit that is set, zeros, and the length in bits in the last eight bytes of a block.
    (local.set $at (i32.add (global.get $INPUT) (local.get $length)))
    (memory.fill (local.get $at) (i32.const 0) (i32.const 72))
    (i32.store8 (local.get $at) (i32.const 128))
    (local.set $end (i32.add (global.get $INPUT) (i32.and
      (i32.add (local.get $length) (i32.const 72)) (i32.const -64))))
    (i32.store (i32.sub (local.get $end) (i32.const 4))
      (i32.shl (local.get $length) (i32.const 3)))
    (i32.store (i32.sub (local.get $end) (i32.const 4))
      (call $bigEndian (i32.sub (local.get $end) (i32.const 4))))
    (local.set $at (global.get $INPUT))
    (loop $block
      (local.set $i (i32.const 0))
      (loop $word
        (i32.store (i32.add (global.get $WORDS) (local.get $i))
          (call $bigEndian (i32.add (local.get $at) (local.get $i))))
        (br_if $word (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 64))))
      (local.set $i (i32.add (global.get $WORDS) (i32.const 64)))
      (loop $word
        (i32.store (local.get $i) (i32.rotl (i32.xor
          (i32.xor (i32.load (i32.sub (local.get $i) (i32.const 12)))
            (i32.load (i32.sub (local.get $i) (i32.const 32))))
          (i32.xor (i32.load (i32.sub (local.get $i) (i32.const 56)))
            (i32.load (i32.sub (local.get $i) (i32.const 64))))) (i32.const 1)))
        (br_if $word (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 4)))
          (i32.add (global.get $WORDS) (i32.const 320)))))
      (local.set $a (local.get $a0))
      (local.set $b (local.get $b0))
      (local.set $c (local.get $c0))
      (local.set $d (local.get $d0))
      (local.set $e (local.get $e0))
      (local.set $i (i32.const 0))
      (loop $round
        (if (i32.lt_u (local.get $i) (i32.const 80))
          (then (local.set $next (i32.add (i32.const 0x5a827999) (i32.xor (local.get $d)
            (i32.and (local.get $b) (i32.xor (local.get $c) (local.get $d)))))))
          (else (if (i32.lt_u (local.get $i) (i32.const 160))
            (then (local.set $next (i32.add (i32.const 0x6ed9eba1)
              (i32.xor (local.get $b) (i32.xor (local.get $c) (local.get $d))))))
            (else (if (i32.lt_u (local.get $i) (i32.const 240))
              (then (local.set $next (i32.add (i32.const 0x8f1bbcdc)
                (i32.or (i32.and (local.get $b) (local.get $c))
                  (i32.and (local.get $d) (i32.or (local.get $b) (local.get $c)))))))
              (else (local.set $next (i32.add (i32.const 0xca62c1d6)
                (i32.xor (local.get $b) (i32.xor (local.get $c) (local.get $d)))))))))))
        (local.set $next (i32.add (i32.add (local.get $next) (local.get $e)) (i32.add
          (i32.rotl (local.get $a) (i32.const 5))
          (i32.load (i32.add (global.get $WORDS) (local.get $i))))))
        (local.set $e (local.get $d))
        (local.set $d (local.get $c))
        (local.set $c (i32.rotl (local.get $b) (i32.const 30)))
        (local.set $b (local.get $a))
        (local.set $a (local.get $next))
        (br_if $round (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 4))) (i32.const 320))))
      (local.set $a0 (i32.add (local.get $a0) (local.get $a)))
      (local.set $b0 (i32.add (local.get $b0) (local.get $b)))
      (local.set $c0 (i32.add (local.get $c0) (local.get $c)))
      (local.set $d0 (i32.add (local.get $d0) (local.get $d)))
      (local.set $e0 (i32.add (local.get $e0) (local.get $e)))
      (br_if $block (i32.lt_u
        (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end))))
    (i32.store (global.get $DIGEST) (local.get $a0))
    (i32.store offset=4 (global.get $DIGEST) (local.get $b0))
    (i32.store offset=8 (global.get $DIGEST) (local.get $c0))
    (i32.store offset=12 (global.get $DIGEST) (local.get $d0))
    (i32.store offset=16 (global.get $DIGEST) (local.get $e0))
    (local.set $i (global.get $DIGEST))
    (loop $word
      (i32.store (local.get $i) (call $bigEndian (local.get $i)))
      (br_if $word (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 4)))
        (i32.add (global.get $DIGEST) (i32.const 20)))))))
