;; Inflating (RFC 1950 and 1951): a part of modules, whose memory below 17408 is its own.

  ;; Where things lie in the memory, in bytes.
  (global $LENGTH_BASE i32 (i32.const 0))     ;; 29 of 16 bits: shortest match of length codes 257 on
  (global $LENGTH_EXTRA i32 (i32.const 64))   ;; 29 of 8 bits: extra bits that follow the code
  (global $DISTANCE_BASE i32 (i32.const 128)) ;; 30 of 16 bits
  (global $DISTANCE_EXTRA i32 (i32.const 192)) ;; 30 of 8 bits
  (global $ORDER i32 (i32.const 224))         ;; 19 of 8 bits: in which code lengths of code lengths come
  (global $LENGTHS i32 (i32.const 256))       ;; 320 of 8 bits: of all codes of a block
  (global $LITERALS i32 (i32.const 1024))     ;; a code table each, 4096 bytes
  (global $DISTANCES i32 (i32.const 5120))
  (global $FIXED_LITERALS i32 (i32.const 9216)) ;; those of blocks with fixed codes, once they are made
  (global $FIXED_DISTANCES i32 (i32.const 13312))

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
  ;; Where the output begins.
  (global $outStart (mut i32) (i32.const 0))
  ;; Whether the tables of blocks with fixed codes are made.
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
    (drop (call $build (global.get $FIXED_LITERALS) (global.get $LENGTHS) (i32.const 288)))
    (memory.fill (global.get $LENGTHS) (i32.const 5) (i32.const 32))
    (drop (call $build (global.get $FIXED_DISTANCES) (global.get $LENGTHS) (i32.const 32)))
    (global.set $isFixed (i32.const 1)))

  ;; Reads the tables of a block. As every part of a stream below it gives back whether all is well.
  (func $dynamicTables (result i32)
    (local $literals i32) (local $distances i32) (local $codes i32) (local $i i32)
    (local $symbol i32) (local $repeat i32) (local $length i32)
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

  ;; Goes on in a block as long as that needs no care: there are eight bytes of input and room for output,
  ;; and codes are short enough for the first part of their table. Gives back 1 at the block's end, 0 when
  ;; a symbol is to be taken with care, and -1 when something is wrong.
  (func $quickly (param $literals i32) (param $distances i32) (result i32)
    (local $hold i64) (local $held i32) (local $in i32) (local $inLast i32) (local $out i32)
    (local $outEnd i32) (local $entry i32) (local $ahead i64) (local $used i32) (local $extra i32)
    (local $length i32) (local $distance i32) (local $end i32) (local $result i32)
    (local.set $hold (global.get $hold))
    (local.set $held (global.get $held))
    (local.set $in (global.get $in))
    (local.set $inLast (i32.sub (global.get $inEnd) (i32.const 8)))
    (local.set $out (global.get $out))
    (local.set $outEnd (global.get $outEnd))
    (block $stop
      (loop $next
        (br_if $stop (i32.gt_s (local.get $in) (local.get $inLast)))
        (br_if $stop (i32.eq (local.get $out) (local.get $outEnd)))
        ;; Then it holds 56 bits or more. Those above are the input's too: they may come once more.
        (local.set $hold (i64.or (local.get $hold)
          (i64.shl (i64.load (local.get $in)) (i64.extend_i32_u (local.get $held)))))
        (local.set $in (i32.add (local.get $in)
          (i32.shr_u (i32.sub (i32.const 63) (local.get $held)) (i32.const 3))))
        (local.set $held (i32.or (local.get $held) (i32.const 56)))
        (loop $literal
          (local.set $entry (i32.load16_u (i32.add (local.get $literals)
            (i32.shl (i32.and (i32.wrap_i64 (local.get $hold)) (i32.const 1023)) (i32.const 1)))))
          (br_if $stop (i32.eqz (local.get $entry)))
          (if (i32.lt_u (local.get $entry) (i32.const 4096))
            (then
              (i32.store8 (local.get $out) (i32.shr_u (local.get $entry) (i32.const 4)))
              (local.set $out (i32.add (local.get $out) (i32.const 1)))
              (local.set $entry (i32.and (local.get $entry) (i32.const 15)))
              (local.set $hold
                (i64.shr_u (local.get $hold) (i64.extend_i32_u (local.get $entry))))
              (local.set $held (i32.sub (local.get $held) (local.get $entry)))
              (br_if $next (i32.eq (local.get $out) (local.get $outEnd)))
              (br_if $literal (i32.ge_u (local.get $held) (i32.const 10)))
              (br $next))))
        ;; A length and a distance take 48 bits at the most.
        (br_if $next (i32.lt_u (local.get $held) (i32.const 48)))
        (local.set $used (i32.and (local.get $entry) (i32.const 15)))
        (local.set $ahead (i64.shr_u (local.get $hold) (i64.extend_i32_u (local.get $used))))
        (local.set $entry
          (i32.sub (i32.shr_u (local.get $entry) (i32.const 4)) (i32.const 257)))
        (if (i32.eq (local.get $entry) (i32.const -1))
          (then
            (local.set $hold (local.get $ahead))
            (local.set $held (i32.sub (local.get $held) (local.get $used)))
            (local.set $result (i32.const 1))
            (br $stop)))
        (if (i32.ge_u (local.get $entry) (i32.const 29))
          (then (local.set $result (i32.const -1)) (br $stop)))
        (local.set $extra
          (i32.load8_u (i32.add (global.get $LENGTH_EXTRA) (local.get $entry))))
        (local.set $length (i32.add
          (i32.load16_u
            (i32.add (global.get $LENGTH_BASE) (i32.shl (local.get $entry) (i32.const 1))))
          (i32.and (i32.wrap_i64 (local.get $ahead))
            (i32.sub (i32.shl (i32.const 1) (local.get $extra)) (i32.const 1)))))
        (local.set $ahead (i64.shr_u (local.get $ahead) (i64.extend_i32_u (local.get $extra))))
        (local.set $used (i32.add (local.get $used) (local.get $extra)))
        (local.set $entry (i32.load16_u (i32.add (local.get $distances)
          (i32.shl (i32.and (i32.wrap_i64 (local.get $ahead)) (i32.const 1023)) (i32.const 1)))))
        (br_if $stop (i32.eqz (local.get $entry)))
        (local.set $extra (i32.and (local.get $entry) (i32.const 15)))
        (local.set $ahead (i64.shr_u (local.get $ahead) (i64.extend_i32_u (local.get $extra))))
        (local.set $used (i32.add (local.get $used) (local.get $extra)))
        (local.set $entry (i32.shr_u (local.get $entry) (i32.const 4)))
        (if (i32.ge_u (local.get $entry) (i32.const 30))
          (then (local.set $result (i32.const -1)) (br $stop)))
        (local.set $extra
          (i32.load8_u (i32.add (global.get $DISTANCE_EXTRA) (local.get $entry))))
        (local.set $distance (i32.add
          (i32.load16_u
            (i32.add (global.get $DISTANCE_BASE) (i32.shl (local.get $entry) (i32.const 1))))
          (i32.and (i32.wrap_i64 (local.get $ahead))
            (i32.sub (i32.shl (i32.const 1) (local.get $extra)) (i32.const 1)))))
        (local.set $hold (i64.shr_u (local.get $ahead) (i64.extend_i32_u (local.get $extra))))
        (local.set $held
          (i32.sub (local.get $held) (i32.add (local.get $used) (local.get $extra))))
        (if (i32.gt_u (local.get $distance) (i32.sub (local.get $out) (global.get $outStart)))
          (then (local.set $result (i32.const -1)) (br $stop)))
        (if (i32.gt_u (local.get $length) (i32.sub (local.get $outEnd) (local.get $out)))
          (then (local.set $result (i32.const -1)) (br $stop)))
        (local.set $end (i32.add (local.get $out) (local.get $length)))
        (local.set $distance (i32.sub (local.get $out) (local.get $distance)))
        ;; It may repeat what it writes.
        (loop $byte
          (i32.store8 (local.get $out) (i32.load8_u (local.get $distance)))
          (local.set $distance (i32.add (local.get $distance) (i32.const 1)))
          (br_if $byte (i32.ne
            (local.tee $out (i32.add (local.get $out) (i32.const 1))) (local.get $end))))
        (br $next)))
    (global.set $hold (i64.and (local.get $hold)
      (i64.sub (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $held))) (i64.const 1))))
    (global.set $held (local.get $held))
    (global.set $in (local.get $in))
    (global.set $out (local.get $out))
    (local.get $result))

  (func $codedBlock (param $literals i32) (param $distances i32) (result i32)
    (local $symbol i32) (local $length i32) (local $distance i32) (local $from i32)
    (loop $next
      (local.set $symbol (call $quickly (local.get $literals) (local.get $distances)))
      (if (local.get $symbol) (then (return (i32.gt_s (local.get $symbol) (i32.const 0)))))
      (local.set $symbol (call $symbol (local.get $literals)))
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
      (local.set $symbol (call $symbol (local.get $distances)))
      (if (i32.ge_u (local.get $symbol) (i32.const 30)) (then (return (i32.const 0))))
      (local.set $distance
        (call $bits (i32.load8_u (i32.add (global.get $DISTANCE_EXTRA) (local.get $symbol)))))
      (if (i32.lt_s (local.get $distance) (i32.const 0)) (then (return (i32.const 0))))
      (local.set $distance (i32.add (local.get $distance) (i32.load16_u
        (i32.add (global.get $DISTANCE_BASE) (i32.shl (local.get $symbol) (i32.const 1))))))
      (if (i32.gt_u (local.get $distance) (i32.sub (global.get $out) (global.get $outStart)))
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
    (local.set $at (global.get $outStart))
    (local.set $a (i32.const 1))
    (block $done
      (loop $part
        (br_if $done (i32.eq (local.get $at) (global.get $out)))
        ;; The sums of this many bytes fit into 32 bits.
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

  ;; Inflates the zlib stream at `from`, of at most `length` bytes, to `to`, where there are `room`.
  ;; Gives back how many bytes the stream has; -1 when it is broken, goes on behind those, or has no
  ;; room. `$out` tells how far it came.
  (func $inflate (param $from i32) (param $length i32) (param $to i32) (param $room i32)
    (result i32)
    (local $isLast i32) (local $kind i32) (local $head i32)
    (global.set $hold (i64.const 0))
    (global.set $held (i32.const 0))
    (global.set $in (i32.add (local.get $from) (i32.const 2)))
    (global.set $inEnd (i32.add (local.get $from) (local.get $length)))
    (global.set $outStart (local.get $to))
    (global.set $out (local.get $to))
    (global.set $outEnd (i32.add (local.get $to) (local.get $room)))
    (if (i32.lt_u (local.get $length) (i32.const 2)) (then (return (i32.const -1))))
    ;; Deflate, a window of at most 32 KiB, no dictionary, and a remainder as check.
    (local.set $head (i32.load16_u (local.get $from)))
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
            (then
              (call $fixedTables)
              (if (i32.eqz (call $codedBlock
                    (global.get $FIXED_LITERALS) (global.get $FIXED_DISTANCES)))
                (then (return (i32.const -1)))))
            (else
              (if (i32.ne (local.get $kind) (i32.const 2)) (then (return (i32.const -1))))
              (if (i32.eqz (call $dynamicTables)) (then (return (i32.const -1))))
              (if (i32.eqz (call $codedBlock (global.get $LITERALS) (global.get $DISTANCES)))
                (then (return (i32.const -1))))))))
      (br_if $block (i32.eqz (local.get $isLast))))
    (call $toByte)
    (if (i32.gt_u (i32.add (global.get $in) (i32.const 4)) (global.get $inEnd))
      (then (return (i32.const -1))))
    (if (i32.ne (call $bigEndian (global.get $in)) (call $checksum))
      (then (return (i32.const -1))))
    (i32.sub (i32.add (global.get $in) (i32.const 4)) (local.get $from)))
