;; Deflating (RFC 1950 and 1951): about as many bytes as zlib makes at level 1, in half of its time, and
;; for a small body in a fifth. quickDeflate.ts tells what for.
;;
;; The caller puts a body, or part after part of it, at INPUT and finds what goes into its zlib stream
;; at OUTPUT. A part is taken in blocks. Each is first cut into sequences: some literals, then a match,
;; which is the last place of the part, not more than 32 KiB back, with the same four bytes and all that
;; follow. Then the codes are chosen, fixed ones or those that suit the block best, and the sequences
;; are written with them.
;;
;; `wabt` assembles this file when the sources are bundled (scripts/bundle.mjs).
(module
  (memory (export "memory") 40)

  ;; Where things lie in the memory, in bytes. There are three codes: literals and lengths of matches
  ;; share one, distances of matches have one, and the lengths of those codes' own codes one more.
  (global $TABLE i32 (i32.const 0))            ;; 16384 of 32 bits: where four bytes of a hash stood last
  (global $LITERAL_COUNTS i32 (i32.const 65536))   ;; 288 of 32 bits: how often each symbol occurs
  (global $DISTANCE_COUNTS i32 (i32.const 66688))  ;; 32 of 32 bits
  (global $LENGTH_COUNTS i32 (i32.const 66816))    ;; 20 of 32 bits
  ;; Codes: the bits of a symbol's code times 256, in the order in which they are written, plus their
  ;; number; 0 for a symbol without one.
  (global $LITERAL_CODES i32 (i32.const 67072))    ;; 288 of 32 bits
  (global $DISTANCE_CODES i32 (i32.const 68224))   ;; 32 of 32 bits
  (global $LENGTH_CODES i32 (i32.const 68352))     ;; 20 of 32 bits
  (global $FIXED_LITERAL_CODES i32 (i32.const 68608))  ;; 288 of 32 bits
  (global $FIXED_DISTANCE_CODES i32 (i32.const 69760)) ;; 32 of 32 bits
  (global $KEYS i32 (i32.const 69888))         ;; 288 of 32 bits: a symbol's count times 512, plus itself
  (global $NODES i32 (i32.const 71040))        ;; 288 of 32 bits: what a code is made from
  (global $NUMBERS i32 (i32.const 72192))      ;; 16 of 32 bits: how many codes have a length
  (global $NEXT i32 (i32.const 72256))         ;; 16 of 32 bits: the next code of a length
  (global $ORDER i32 (i32.const 72320))        ;; 19 of 8 bits: in which code lengths of code lengths come
  (global $LENGTHS i32 (i32.const 72448))      ;; 316 of 8 bits: of the codes of a block
  (global $RUNS i32 (i32.const 72832))         ;; 316 of 16 bits: the same shortened; extra bits times 32, plus a symbol
  ;; 20480 of 64 bits: the number of literals times 512, plus the length of the match (32 bits); the
  ;; match's distance less one (16 bits), the symbol of its distance, the symbol of its length less 257.
  (global $SEQUENCES i32 (i32.const 73728))
  (global $INPUT (export "INPUT") i32 (i32.const 262144))
  (global $INPUT_ROOM (export "INPUT_ROOM") i32 (i32.const 1048576)) ;; some bytes behind are read in vain
  (global $OUTPUT (export "OUTPUT") i32 (i32.const 1311744)) ;; 9 bits a byte are the most that it takes

  ;; Bytes in a block; the last one has up to a quarter more.
  (global $BLOCK i32 (i32.const 65536))
  ;; Smaller blocks always have fixed codes: it takes 40 bytes and more to describe others.
  (global $SMALL i32 (i32.const 100))
  (global $REACH i32 (i32.const 32768))
  (global $LONGEST i32 (i32.const 258))

  (data (i32.const 72320) "\10\11\12\00\08\07\09\06\0a\05\0b\04\0c\03\0d\02\0e\01\0f")

  ;; Bits that are not written yet, the first one lowest; 0 to 7 of them between calls.
  (global $bits (mut i64) (i64.const 0))
  (global $held (mut i32) (i32.const 0))
  (global $out (mut i32) (i32.const 0))
  ;; The table has places plus this, which grows with each part so that what is left there of
  ;; earlier ones is out of reach.
  (global $shift (mut i32) (i32.const 32769))
  ;; The two sums of Adler-32 (RFC 1950, section 9).
  (global $sum (mut i32) (i32.const 1))
  (global $sumOfSums (mut i32) (i32.const 0))
  ;; While a code is made: the next node and the next leaf to take, the node to make.
  (global $root (mut i32) (i32.const 0))
  (global $leaf (mut i32) (i32.const 0))
  (global $node (mut i32) (i32.const 0))
  ;; Where RUNS ends.
  (global $runsEnd (mut i32) (i32.const 0))

  (start $makeFixedCodes)

  ;; RFC 1951, section 3.2.6.
  (func $makeFixedCodes
    (local $i i32)
    (loop $literals
      (i32.store (i32.add (global.get $FIXED_LITERAL_CODES) (i32.shl (local.get $i) (i32.const 2)))
        (if (result i32) (i32.lt_u (local.get $i) (i32.const 144))
          (then (call $code (i32.add (local.get $i) (i32.const 0x30)) (i32.const 8)))
          (else (if (result i32) (i32.lt_u (local.get $i) (i32.const 256))
            (then (call $code (i32.add (local.get $i) (i32.const 256)) (i32.const 9)))
            (else (if (result i32) (i32.lt_u (local.get $i) (i32.const 280))
              (then (call $code (i32.sub (local.get $i) (i32.const 256)) (i32.const 7)))
              (else (call $code (i32.sub (local.get $i) (i32.const 88)) (i32.const 8)))))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $literals (i32.lt_u (local.get $i) (i32.const 288))))
    (local.set $i (i32.const 0))
    (loop $distances
      (i32.store (i32.add (global.get $FIXED_DISTANCE_CODES) (i32.shl (local.get $i) (i32.const 2)))
        (call $code (local.get $i) (i32.const 5)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $distances (i32.lt_u (local.get $i) (i32.const 30)))))

  ;; A code of up to 15 bits as the tables have it: it is written with its highest bit first.
  (func $code (param $value i32) (param $length i32) (result i32)
    (local.set $value (i32.or
      (i32.shl (i32.and (local.get $value) (i32.const 0x5555)) (i32.const 1))
      (i32.and (i32.shr_u (local.get $value) (i32.const 1)) (i32.const 0x5555))))
    (local.set $value (i32.or
      (i32.shl (i32.and (local.get $value) (i32.const 0x3333)) (i32.const 2))
      (i32.and (i32.shr_u (local.get $value) (i32.const 2)) (i32.const 0x3333))))
    (local.set $value (i32.or
      (i32.shl (i32.and (local.get $value) (i32.const 0x0f0f)) (i32.const 4))
      (i32.and (i32.shr_u (local.get $value) (i32.const 4)) (i32.const 0x0f0f))))
    (local.set $value (i32.or
      (i32.shl (i32.and (local.get $value) (i32.const 0xff)) (i32.const 8))
      (i32.shr_u (local.get $value) (i32.const 8))))
    (i32.or
      (i32.shl
        (i32.shr_u (local.get $value) (i32.sub (i32.const 16) (local.get $length)))
        (i32.const 8))
      (local.get $length)))

  ;; Writes up to 16 bits.
  (func $put (param $value i32) (param $count i32)
    (global.set $bits (i64.or (global.get $bits)
      (i64.shl (i64.extend_i32_u (local.get $value)) (i64.extend_i32_u (global.get $held)))))
    (global.set $held (i32.add (global.get $held) (local.get $count)))
    (i64.store (global.get $out) (global.get $bits))
    (global.set $out (i32.add (global.get $out) (i32.shr_u (global.get $held) (i32.const 3))))
    (global.set $bits
      (i64.shr_u (global.get $bits)
        (i64.extend_i32_u (i32.and (global.get $held) (i32.const 0x78)))))
    (global.set $held (i32.and (global.get $held) (i32.const 7))))

  (func $putSymbol (param $codes i32) (param $symbol i32)
    (local $code i32)
    (local.set $code
      (i32.load (i32.add (local.get $codes) (i32.shl (local.get $symbol) (i32.const 2)))))
    (call $put
      (i32.shr_u (local.get $code) (i32.const 8)) (i32.and (local.get $code) (i32.const 255))))

  ;; Makes codes for the given number of symbols, of at most `limit` bits: the shortest for what the counts tell, or
  ;; nearly so where the limit is met. There are at least two codes, as some readers want it.
  (func $makeCodes (param $counts i32) (param $symbols i32) (param $limit i32) (param $codes i32)
    (local $keysEnd i32) (local $nodesEnd i32) (local $gap i32) (local $key i32)
    (local $i i32) (local $j i32) (local $number i32) (local $inner i32) (local $depth i32)

    ;; The symbols that occur, the rarest first.
    (local.set $keysEnd (global.get $KEYS))
    (loop $collect
      (local.set $number
        (i32.load (i32.add (local.get $counts) (i32.shl (local.get $i) (i32.const 2)))))
      (if (local.get $number)
        (then
          (i32.store (local.get $keysEnd)
            (i32.or (i32.shl (local.get $number) (i32.const 9)) (local.get $i)))
          (local.set $keysEnd (i32.add (local.get $keysEnd) (i32.const 4)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $collect (i32.lt_u (local.get $i) (local.get $symbols))))
    (if (i32.eq (local.get $keysEnd) (global.get $KEYS))
      (then
        (i32.store (local.get $keysEnd) (i32.const 512))
        (local.set $keysEnd (i32.add (local.get $keysEnd) (i32.const 4)))))
    (if (i32.eq (i32.sub (local.get $keysEnd) (global.get $KEYS)) (i32.const 4))
      (then
        (i32.store (local.get $keysEnd)
          (i32.or (i32.const 512)
            (i32.eqz (i32.and (i32.load (global.get $KEYS)) (i32.const 511)))))
        (local.set $keysEnd (i32.add (local.get $keysEnd) (i32.const 4)))))
    ;; Shell's sort, with distances in bytes.
    (local.set $gap (i32.const 484))
    (loop $passes
      (local.set $i (i32.add (global.get $KEYS) (local.get $gap)))
      (block $sorted
        (loop $insert
          (br_if $sorted (i32.ge_u (local.get $i) (local.get $keysEnd)))
          (local.set $key (i32.load (local.get $i)))
          (local.set $j (local.get $i))
          (block $found
            (loop $down
              (br_if $found
                (i32.lt_u (i32.sub (local.get $j) (global.get $KEYS)) (local.get $gap)))
              (br_if $found
                (i32.le_u (i32.load (i32.sub (local.get $j) (local.get $gap))) (local.get $key)))
              (i32.store (local.get $j) (i32.load (i32.sub (local.get $j) (local.get $gap))))
              (local.set $j (i32.sub (local.get $j) (local.get $gap)))
              (br $down)))
          (i32.store (local.get $j) (local.get $key))
          (local.set $i (i32.add (local.get $i) (i32.const 4)))
          (br $insert)))
      ;; 121, 40, 13, 4, 1
      (local.set $gap
        (i32.shl (i32.div_u (local.get $gap) (i32.const 12)) (i32.const 2)))
      (br_if $passes (local.get $gap)))

    ;; A. Moffat, J. Katajainen, "In-place calculation of minimum-redundancy codes": weights become
    ;; parents of nodes, which become depths of nodes.
    (local.set $i (global.get $KEYS))
    (local.set $nodesEnd (global.get $NODES))
    (loop $weights
      (i32.store (local.get $nodesEnd) (i32.shr_u (i32.load (local.get $i)) (i32.const 9)))
      (local.set $nodesEnd (i32.add (local.get $nodesEnd) (i32.const 4)))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $weights (i32.lt_u (local.get $i) (local.get $keysEnd))))
    (global.set $root (global.get $NODES))
    (global.set $leaf (i32.add (global.get $NODES) (i32.const 8)))
    (global.set $node (i32.add (global.get $NODES) (i32.const 4)))
    (i32.store (global.get $NODES)
      (i32.add (i32.load (global.get $NODES)) (i32.load (global.get $node))))
    (block $joined
      (loop $join
        (br_if $joined
          (i32.ge_u (global.get $node) (i32.sub (local.get $nodesEnd) (i32.const 4))))
        (i32.store (global.get $node)
          (i32.add
            (call $takeLightest (local.get $nodesEnd))
            (call $takeLightest (local.get $nodesEnd))))
        (global.set $node (i32.add (global.get $node) (i32.const 4)))
        (br $join)))
    (local.set $i (i32.sub (local.get $nodesEnd) (i32.const 8)))
    (i32.store (local.get $i) (i32.const 0))
    (block $measured
      (loop $measure
        (br_if $measured (i32.eq (local.get $i) (global.get $NODES)))
        (local.set $i (i32.sub (local.get $i) (i32.const 4)))
        (i32.store (local.get $i)
          (i32.add (i32.load (i32.load (local.get $i))) (i32.const 1)))
        (br $measure)))
    ;; What of a depth is no node is a leaf.
    (memory.fill (global.get $NUMBERS) (i32.const 0) (i32.const 64))
    (local.set $number (i32.const 1))
    (local.set $i (i32.sub (local.get $nodesEnd) (i32.const 8)))
    (loop $depths
      (local.set $inner (i32.const 0))
      (block $counted
        (loop $count
          (br_if $counted (i32.lt_u (local.get $i) (global.get $NODES)))
          (br_if $counted (i32.ne (i32.load (local.get $i)) (local.get $depth)))
          (local.set $inner (i32.add (local.get $inner) (i32.const 1)))
          (local.set $i (i32.sub (local.get $i) (i32.const 4)))
          (br $count)))
      (call $addNumber
        (select (local.get $depth) (local.get $limit)
          (i32.lt_u (local.get $depth) (local.get $limit)))
        (i32.sub (local.get $number) (local.get $inner)))
      (local.set $number (i32.shl (local.get $inner) (i32.const 1)))
      (local.set $depth (i32.add (local.get $depth) (i32.const 1)))
      (br_if $depths (local.get $number)))

    ;; Codes cut to the limit are too many: a shorter one becomes two that are one bit longer until all
    ;; have room. Each takes the room of one of the longest.
    (local.set $number (i32.const 0))
    (local.set $i (i32.const 1))
    (loop $sum
      (local.set $number
        (i32.add (local.get $number)
          (i32.shl (call $numberOf (local.get $i))
            (i32.sub (local.get $limit) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $sum (i32.le_u (local.get $i) (local.get $limit))))
    (block $fits
      (loop $lengthen
        (br_if $fits (i32.le_u (local.get $number) (i32.shl (i32.const 1) (local.get $limit))))
        (call $addNumber (local.get $limit) (i32.const -1))
        (local.set $i (local.get $limit))
        (loop $search
          (local.set $i (i32.sub (local.get $i) (i32.const 1)))
          (br_if $search (i32.eqz (call $numberOf (local.get $i)))))
        (call $addNumber (local.get $i) (i32.const -1))
        (call $addNumber (i32.add (local.get $i) (i32.const 1)) (i32.const 2))
        (local.set $number (i32.sub (local.get $number) (i32.const 1)))
        (br $lengthen)))

    ;; The rarest symbols get the longest codes; codes of one length go by symbol.
    (memory.fill (local.get $codes) (i32.const 0) (i32.shl (local.get $symbols) (i32.const 2)))
    (local.set $i (global.get $KEYS))
    (local.set $depth (local.get $limit))
    (local.set $number (call $numberOf (local.get $depth)))
    (loop $lengths
      (block $given
        (loop $give
          (br_if $given (i32.eqz (local.get $number)))
          (i32.store
            (i32.add (local.get $codes)
              (i32.shl (i32.and (i32.load (local.get $i)) (i32.const 511)) (i32.const 2)))
            (local.get $depth))
          (local.set $i (i32.add (local.get $i) (i32.const 4)))
          (local.set $number (i32.sub (local.get $number) (i32.const 1)))
          (br $give)))
      (local.set $depth (i32.sub (local.get $depth) (i32.const 1)))
      (local.set $number (call $numberOf (local.get $depth)))
      (br_if $lengths (local.get $depth)))
    (local.set $number (i32.const 0))
    (local.set $i (i32.const 1))
    (loop $firsts
      (local.set $number
        (i32.shl
          (i32.add (local.get $number)
            (call $numberOf (i32.sub (local.get $i) (i32.const 1))))
          (i32.const 1)))
      (i32.store (i32.add (global.get $NEXT) (i32.shl (local.get $i) (i32.const 2)))
        (local.get $number))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $firsts (i32.le_u (local.get $i) (local.get $limit))))
    (local.set $i (local.get $codes))
    (local.set $j (i32.add (local.get $codes) (i32.shl (local.get $symbols) (i32.const 2))))
    (loop $all
      (local.set $depth (i32.load (local.get $i)))
      (if (local.get $depth)
        (then
          (local.set $gap
            (i32.add (global.get $NEXT) (i32.shl (local.get $depth) (i32.const 2))))
          (local.set $number (i32.load (local.get $gap)))
          (i32.store (local.get $gap) (i32.add (local.get $number) (i32.const 1)))
          (i32.store (local.get $i) (call $code (local.get $number) (local.get $depth)))))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $all (i32.lt_u (local.get $i) (local.get $j)))))

  ;; The lighter one of the next node and the next leaf gets the node that is made as its parent.
  (func $takeLightest (param $end i32) (result i32)
    (local $weight i32)
    (if (i32.lt_u (global.get $leaf) (local.get $end))
      (then
        (local.set $weight (i32.load (global.get $leaf)))
        (if (i32.or
              (i32.ge_u (global.get $root) (global.get $node))
              (i32.ge_u (i32.load (global.get $root)) (local.get $weight)))
          (then
            (global.set $leaf (i32.add (global.get $leaf) (i32.const 4)))
            (return (local.get $weight))))))
    (local.set $weight (i32.load (global.get $root)))
    (i32.store (global.get $root) (global.get $node))
    (global.set $root (i32.add (global.get $root) (i32.const 4)))
    (local.get $weight))

  (func $numberOf (param $length i32) (result i32)
    (i32.load (i32.add (global.get $NUMBERS) (i32.shl (local.get $length) (i32.const 2)))))

  (func $addNumber (param $length i32) (param $more i32)
    (local $at i32)
    (local.set $at (i32.add (global.get $NUMBERS) (i32.shl (local.get $length) (i32.const 2))))
    (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (local.get $more))))

  ;; The bits that all symbols together take, extra bits aside.
  (func $cost (param $counts i32) (param $codes i32) (param $symbols i32) (result i32)
    (local $sum i32) (local $end i32)
    (local.set $end (i32.add (local.get $counts) (i32.shl (local.get $symbols) (i32.const 2))))
    (loop $symbol
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.mul (i32.load (local.get $counts))
            (i32.and (i32.load (local.get $codes)) (i32.const 255)))))
      (local.set $counts (i32.add (local.get $counts) (i32.const 4)))
      (local.set $codes (i32.add (local.get $codes) (i32.const 4)))
      (br_if $symbol (i32.lt_u (local.get $counts) (local.get $end))))
    (local.get $sum))

  ;; Puts down the lengths of codes, as bytes, up to the last one that is not 0.
  ;; Returns how many there are, at least `least`.
  (func $listLengths (param $codes i32) (param $symbols i32) (param $least i32) (param $to i32)
    (result i32)
    (local $i i32) (local $length i32) (local $count i32)
    (local.set $count (local.get $least))
    (loop $symbol
      (local.set $length
        (i32.load8_u (i32.add (local.get $codes) (i32.shl (local.get $i) (i32.const 2)))))
      (i32.store8 (i32.add (local.get $to) (local.get $i)) (local.get $length))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (if (i32.and (i32.ne (local.get $length) (i32.const 0))
                   (i32.gt_u (local.get $i) (local.get $count)))
        (then (local.set $count (local.get $i))))
      (br_if $symbol (i32.lt_u (local.get $i) (local.get $symbols))))
    (local.get $count))

  (func $addRun (param $symbol i32) (param $extra i32)
    (local $at i32)
    (i32.store16 (global.get $runsEnd)
      (i32.or (i32.shl (local.get $extra) (i32.const 5)) (local.get $symbol)))
    (global.set $runsEnd (i32.add (global.get $runsEnd) (i32.const 2)))
    (local.set $at
      (i32.add (global.get $LENGTH_COUNTS) (i32.shl (local.get $symbol) (i32.const 2))))
    (i32.store (local.get $at) (i32.add (i32.load (local.get $at)) (i32.const 1))))

  ;; Shortens equal lengths in a row: 16 repeats the last one, 17 and 18 stand for zeros.
  (func $findRuns (param $end i32)
    (local $at i32) (local $length i32) (local $left i32) (local $part i32)
    (memory.fill (global.get $LENGTH_COUNTS) (i32.const 0) (i32.const 80))
    (global.set $runsEnd (global.get $RUNS))
    (local.set $at (global.get $LENGTHS))
    (loop $runs
      (local.set $length (i32.load8_u (local.get $at)))
      (local.set $left (i32.const 0))
      (block $differs
        (loop $equal
          (local.set $left (i32.add (local.get $left) (i32.const 1)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $differs (i32.ge_u (local.get $at) (local.get $end)))
          (br_if $equal (i32.eq (i32.load8_u (local.get $at)) (local.get $length)))))
      (if (local.get $length)
        (then
          (call $addRun (local.get $length) (i32.const 0))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (block $short
            (loop $repeat
              (br_if $short (i32.lt_u (local.get $left) (i32.const 3)))
              (local.set $part (call $min (local.get $left) (i32.const 6)))
              (call $addRun (i32.const 16) (i32.sub (local.get $part) (i32.const 3)))
              (local.set $left (i32.sub (local.get $left) (local.get $part)))
              (br $repeat))))
        (else
          (block $short
            (loop $repeat
              (br_if $short (i32.lt_u (local.get $left) (i32.const 11)))
              (local.set $part (call $min (local.get $left) (i32.const 138)))
              (call $addRun (i32.const 18) (i32.sub (local.get $part) (i32.const 11)))
              (local.set $left (i32.sub (local.get $left) (local.get $part)))
              (br $repeat)))
          (if (i32.ge_u (local.get $left) (i32.const 3))
            (then
              (call $addRun (i32.const 17) (i32.sub (local.get $left) (i32.const 3)))
              (local.set $left (i32.const 0))))))
      (block $done
        (loop $single
          (br_if $done (i32.eqz (local.get $left)))
          (call $addRun (local.get $length) (i32.const 0))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br $single)))
      (br_if $runs (i32.lt_u (local.get $at) (local.get $end)))))

  (func $min (param $a i32) (param $b i32) (result i32)
    (select (local.get $a) (local.get $b) (i32.lt_u (local.get $a) (local.get $b))))

  ;; Writes a block of `length` bytes at `from`, which is all the sequences up to `sequencesEnd` and then
  ;; literals. The counts are those of the block.
  (func $writeBlock
    (param $from i32) (param $length i32) (param $sequencesEnd i32) (param $isLast i32)
    (local $literals i32) (local $distances i32) (local $lengths i32) (local $size i32)
    (local $at i32)
    (i32.store offset=1024 (global.get $LITERAL_COUNTS) (i32.const 1)) ;; symbol 256 ends the block
    (if (i32.ge_u (local.get $length) (global.get $SMALL))
      (then
        (call $makeCodes (global.get $LITERAL_COUNTS) (i32.const 286) (i32.const 15)
          (global.get $LITERAL_CODES))
        (call $makeCodes (global.get $DISTANCE_COUNTS) (i32.const 30) (i32.const 15)
          (global.get $DISTANCE_CODES))
        (local.set $literals
          (call $listLengths (global.get $LITERAL_CODES) (i32.const 286) (i32.const 257)
            (global.get $LENGTHS)))
        (local.set $distances
          (call $listLengths (global.get $DISTANCE_CODES) (i32.const 30) (i32.const 1)
            (i32.add (global.get $LENGTHS) (local.get $literals))))
        (call $findRuns
          (i32.add (global.get $LENGTHS)
            (i32.add (local.get $literals) (local.get $distances))))
        (call $makeCodes (global.get $LENGTH_COUNTS) (i32.const 19) (i32.const 7)
          (global.get $LENGTH_CODES))
        (local.set $lengths (i32.const 19))
        (block $trimmed
          (loop $trim
            (br_if $trimmed (call $lengthInOrder (i32.sub (local.get $lengths) (i32.const 1))))
            (local.set $lengths (i32.sub (local.get $lengths) (i32.const 1)))
            (br_if $trim (i32.gt_u (local.get $lengths) (i32.const 4)))))
        (local.set $size
          (i32.add (i32.const 14) (i32.mul (i32.const 3) (local.get $lengths))))
        (local.set $size
          (i32.add (local.get $size)
            (i32.add
              (call $cost (global.get $LENGTH_COUNTS) (global.get $LENGTH_CODES) (i32.const 19))
              (i32.add
                (i32.shl (i32.load offset=64 (global.get $LENGTH_COUNTS)) (i32.const 1))
                (i32.add
                  (i32.mul (i32.load offset=68 (global.get $LENGTH_COUNTS)) (i32.const 3))
                  (i32.mul (i32.load offset=72 (global.get $LENGTH_COUNTS)) (i32.const 7)))))))
        (local.set $size
          (i32.add (local.get $size)
            (i32.add
              (call $cost (global.get $LITERAL_COUNTS) (global.get $LITERAL_CODES) (i32.const 286))
              (call $cost (global.get $DISTANCE_COUNTS) (global.get $DISTANCE_CODES)
                (i32.const 30)))))
        (if (i32.lt_u (local.get $size)
              (i32.add
                (call $cost (global.get $LITERAL_COUNTS) (global.get $FIXED_LITERAL_CODES)
                  (i32.const 286))
                (call $cost (global.get $DISTANCE_COUNTS) (global.get $FIXED_DISTANCE_CODES)
                  (i32.const 30))))
          (then
            (call $put (i32.or (local.get $isLast) (i32.const 4)) (i32.const 3))
            (call $put (i32.sub (local.get $literals) (i32.const 257)) (i32.const 5))
            (call $put (i32.sub (local.get $distances) (i32.const 1)) (i32.const 5))
            (call $put (i32.sub (local.get $lengths) (i32.const 4)) (i32.const 4))
            (local.set $at (i32.const 0))
            (loop $order
              (call $put (call $lengthInOrder (local.get $at)) (i32.const 3))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br_if $order (i32.lt_u (local.get $at) (local.get $lengths))))
            (local.set $at (global.get $RUNS))
            (loop $runs
              (call $putRun (i32.load16_u (local.get $at)))
              (local.set $at (i32.add (local.get $at) (i32.const 2)))
              (br_if $runs (i32.lt_u (local.get $at) (global.get $runsEnd))))
            (call $writeSequences (local.get $from)
              (i32.add (local.get $from) (local.get $length)) (local.get $sequencesEnd)
              (global.get $LITERAL_CODES) (global.get $DISTANCE_CODES))
            (return)))))
    (call $put (i32.or (local.get $isLast) (i32.const 2)) (i32.const 3))
    (call $writeSequences (local.get $from)
      (i32.add (local.get $from) (local.get $length)) (local.get $sequencesEnd)
      (global.get $FIXED_LITERAL_CODES) (global.get $FIXED_DISTANCE_CODES)))

  (func $lengthInOrder (param $index i32) (result i32)
    (i32.load8_u
      (i32.add (global.get $LENGTH_CODES)
        (i32.shl
          (i32.load8_u (i32.add (global.get $ORDER) (local.get $index)))
          (i32.const 2)))))

  (func $putRun (param $run i32)
    (local $symbol i32)
    (local.set $symbol (i32.and (local.get $run) (i32.const 31)))
    (call $putSymbol (global.get $LENGTH_CODES) (local.get $symbol))
    (if (i32.ge_u (local.get $symbol) (i32.const 16))
      (then
        (call $put (i32.shr_u (local.get $run) (i32.const 5))
          (if (result i32) (i32.eq (local.get $symbol) (i32.const 18))
            (then (i32.const 7))
            (else (i32.sub (local.get $symbol) (i32.const 14))))))))

  ;; What is written here is most of the output, so `put` is spelt out.
  (func $writeSequences
    (param $at i32) (param $end i32) (param $sequencesEnd i32)
    (param $literalCodes i32) (param $distanceCodes i32)
    (local $sequence i32) (local $match i32) (local $stop i32) (local $code i32)
    (local $count i32) (local $bits i64) (local $held i32) (local $out i32)
    (local.set $bits (global.get $bits))
    (local.set $held (global.get $held))
    (local.set $out (global.get $out))
    (local.set $sequence (global.get $SEQUENCES))
    (loop $sequences
      (local.set $stop
        (if (result i32) (i32.lt_u (local.get $sequence) (local.get $sequencesEnd))
          (then
            (i32.add (local.get $at) (i32.shr_u (i32.load (local.get $sequence)) (i32.const 9))))
          (else (local.get $end))))
      (if (i32.lt_u (local.get $at) (local.get $stop))
        (then
          (loop $literals
            (local.set $code
              (i32.load
                (i32.add (local.get $literalCodes)
                  (i32.shl (i32.load8_u (local.get $at)) (i32.const 2)))))
            (local.set $bits
              (i64.or (local.get $bits)
                (i64.shl (i64.extend_i32_u (i32.shr_u (local.get $code) (i32.const 8)))
                  (i64.extend_i32_u (local.get $held)))))
            (local.set $held
              (i32.add (local.get $held) (i32.and (local.get $code) (i32.const 255))))
            (i64.store (local.get $out) (local.get $bits))
            (local.set $out
              (i32.add (local.get $out) (i32.shr_u (local.get $held) (i32.const 3))))
            (local.set $bits
              (i64.shr_u (local.get $bits)
                (i64.extend_i32_u (i32.and (local.get $held) (i32.const 0x78)))))
            (local.set $held (i32.and (local.get $held) (i32.const 7)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $literals (i32.lt_u (local.get $at) (local.get $stop))))))
      (if (i32.lt_u (local.get $sequence) (local.get $sequencesEnd))
        (then
          (local.set $match (i32.load offset=4 (local.get $sequence)))
          ;; The length of the match, with its extra bits.
          (local.set $count (i32.shr_u (local.get $match) (i32.const 24)))
          (local.set $code
            (i32.load offset=1028
              (i32.add (local.get $literalCodes) (i32.shl (local.get $count) (i32.const 2)))))
          (local.set $bits
            (i64.or (local.get $bits)
              (i64.shl (i64.extend_i32_u (i32.shr_u (local.get $code) (i32.const 8)))
                (i64.extend_i32_u (local.get $held)))))
          (local.set $held
            (i32.add (local.get $held) (i32.and (local.get $code) (i32.const 255))))
          (local.set $stop (i32.and (i32.load (local.get $sequence)) (i32.const 511)))
          (local.set $at (i32.add (local.get $at) (local.get $stop)))
          (if (i32.lt_u (i32.sub (local.get $count) (i32.const 8)) (i32.const 20))
            (then
              (local.set $count
                (i32.sub (i32.shr_u (local.get $count) (i32.const 2)) (i32.const 1)))
              (local.set $bits
                (i64.or (local.get $bits)
                  (i64.shl
                    (i64.extend_i32_u
                      (i32.and (i32.sub (local.get $stop) (i32.const 3))
                        (i32.sub (i32.shl (i32.const 1) (local.get $count)) (i32.const 1))))
                    (i64.extend_i32_u (local.get $held)))))
              (local.set $held (i32.add (local.get $held) (local.get $count)))))
          ;; Its distance, with its extra bits.
          (local.set $count (i32.and (i32.shr_u (local.get $match) (i32.const 16)) (i32.const 31)))
          (local.set $code
            (i32.load
              (i32.add (local.get $distanceCodes) (i32.shl (local.get $count) (i32.const 2)))))
          (local.set $bits
            (i64.or (local.get $bits)
              (i64.shl (i64.extend_i32_u (i32.shr_u (local.get $code) (i32.const 8)))
                (i64.extend_i32_u (local.get $held)))))
          (local.set $held
            (i32.add (local.get $held) (i32.and (local.get $code) (i32.const 255))))
          (if (i32.ge_u (local.get $count) (i32.const 4))
            (then
              (local.set $count
                (i32.sub (i32.shr_u (local.get $count) (i32.const 1)) (i32.const 1)))
              (local.set $bits
                (i64.or (local.get $bits)
                  (i64.shl
                    (i64.extend_i32_u
                      (i32.and (local.get $match)
                        (i32.sub (i32.shl (i32.const 1) (local.get $count)) (i32.const 1))))
                    (i64.extend_i32_u (local.get $held)))))
              (local.set $held (i32.add (local.get $held) (local.get $count)))))
          (i64.store (local.get $out) (local.get $bits))
          (local.set $out
            (i32.add (local.get $out) (i32.shr_u (local.get $held) (i32.const 3))))
          (local.set $bits
            (i64.shr_u (local.get $bits)
              (i64.extend_i32_u (i32.and (local.get $held) (i32.const 0x78)))))
          (local.set $held (i32.and (local.get $held) (i32.const 7)))
          (local.set $sequence (i32.add (local.get $sequence) (i32.const 8)))
          (br $sequences))))
    (global.set $bits (local.get $bits))
    (global.set $held (local.get $held))
    (global.set $out (local.get $out))
    (call $putSymbol (local.get $literalCodes) (i32.const 256)))

  ;; Cuts a block into sequences and counts its symbols. Returns where the sequences end.
  (func $findSequences (param $from i32) (param $end i32) (result i32)
    (local $at i32) (local $searchEnd i32) (local $literal i32) (local $sequence i32)
    (local $four i32) (local $cell i32) (local $distance i32) (local $length i32)
    (local $most i32) (local $symbol i32) (local $match i32) (local $other i64)
    (memory.fill (global.get $LITERAL_COUNTS) (i32.const 0) (i32.const 1280))
    (local.set $sequence (global.get $SEQUENCES))
    (local.set $literal (local.get $from))
    (local.set $at (local.get $from))
    ;; So that no bytes behind the end are entered in the table.
    (local.set $searchEnd
      (select (i32.sub (local.get $end) (i32.const 8)) (local.get $from)
        (i32.ge_u (i32.sub (local.get $end) (local.get $from)) (i32.const 12))))
    (block $searched
      (loop $search
        (br_if $searched (i32.ge_u (local.get $at) (local.get $searchEnd)))
        (local.set $four (i32.load (local.get $at)))
        (local.set $cell
          (i32.shl
            (i32.shr_u (i32.mul (local.get $four) (i32.const 0x9e3779b1)) (i32.const 18))
            (i32.const 2)))
        (local.set $distance
          (i32.sub (i32.add (local.get $at) (global.get $shift)) (i32.load (local.get $cell))))
        (i32.store (local.get $cell) (i32.add (local.get $at) (global.get $shift)))
        (if (i32.le_u (local.get $distance) (global.get $REACH))
          (then
            (if (i32.eq (local.get $four) (i32.load (i32.sub (local.get $at) (local.get $distance))))
              (then
                (local.set $most
                  (call $min (i32.sub (local.get $end) (local.get $at)) (global.get $LONGEST)))
                (local.set $length (i32.const 4))
                (block $compared
                  (loop $compare
                    (br_if $compared (i32.ge_u (local.get $length) (local.get $most)))
                    (local.set $match (i32.add (local.get $at) (local.get $length)))
                    (local.set $other
                      (i64.xor (i64.load (local.get $match))
                        (i64.load (i32.sub (local.get $match) (local.get $distance)))))
                    (if (i64.eqz (local.get $other))
                      (then
                        (local.set $length (i32.add (local.get $length) (i32.const 8)))
                        (br $compare)))
                    (local.set $length
                      (i32.add (local.get $length)
                        (i32.wrap_i64
                          (i64.shr_u (i64.ctz (local.get $other)) (i64.const 3)))))))
                (if (i32.gt_u (local.get $length) (local.get $most))
                  (then (local.set $length (local.get $most))))
                (i32.store (local.get $sequence)
                  (i32.or
                    (i32.shl (i32.sub (local.get $at) (local.get $literal)) (i32.const 9))
                    (local.get $length)))
                (call $countLiterals (local.get $literal) (local.get $at))
                ;; The symbol of the length, less 257.
                (local.set $symbol (i32.sub (local.get $length) (i32.const 3)))
                (if (i32.ge_u (local.get $symbol) (i32.const 8))
                  (then
                    (if (i32.eq (local.get $symbol) (i32.const 255))
                      (then (local.set $symbol (i32.const 28)))
                      (else
                        (local.set $match
                          (i32.sub (i32.const 29) (i32.clz (local.get $symbol))))
                        (local.set $symbol
                          (i32.add
                            (i32.shl (i32.add (local.get $match) (i32.const 1)) (i32.const 2))
                            (i32.and (i32.shr_u (local.get $symbol) (local.get $match))
                              (i32.const 3))))))))
                (local.set $cell
                  (i32.add (global.get $LITERAL_COUNTS)
                    (i32.shl (local.get $symbol) (i32.const 2))))
                (i32.store offset=1028 (local.get $cell)
                  (i32.add (i32.load offset=1028 (local.get $cell)) (i32.const 1)))
                (local.set $most (i32.shl (local.get $symbol) (i32.const 24)))
                ;; The symbol of the distance.
                (local.set $distance (i32.sub (local.get $distance) (i32.const 1)))
                (local.set $symbol (local.get $distance))
                (if (i32.ge_u (local.get $symbol) (i32.const 4))
                  (then
                    (local.set $match
                      (i32.sub (i32.const 30) (i32.clz (local.get $symbol))))
                    (local.set $symbol
                      (i32.add
                        (i32.shl (i32.add (local.get $match) (i32.const 1)) (i32.const 1))
                        (i32.and (i32.shr_u (local.get $symbol) (local.get $match))
                          (i32.const 1))))))
                (local.set $cell
                  (i32.add (global.get $DISTANCE_COUNTS)
                    (i32.shl (local.get $symbol) (i32.const 2))))
                (i32.store (local.get $cell)
                  (i32.add (i32.load (local.get $cell)) (i32.const 1)))
                (i32.store offset=4 (local.get $sequence)
                  (i32.or (local.get $most)
                    (i32.or (i32.shl (local.get $symbol) (i32.const 16))
                      (local.get $distance))))
                (local.set $sequence (i32.add (local.get $sequence) (i32.const 8)))
                ;; Some places within the match are entered too: its begin and its end.
                (local.set $match (local.get $at))
                (local.set $at (i32.add (local.get $at) (local.get $length)))
                (local.set $literal (local.get $at))
                (if (i32.lt_u (local.get $at) (local.get $searchEnd))
                  (then
                    (call $enter (i32.add (local.get $match) (i32.const 1)))
                    (call $enter (i32.add (local.get $match) (i32.const 2)))
                    (call $enter (i32.sub (local.get $at) (i32.const 1)))))
                (br $search)))))
        ;; The longer nothing was found, the larger the steps.
        (local.set $at
          (i32.add (local.get $at)
            (i32.add (i32.const 1)
              (i32.shr_u (i32.sub (local.get $at) (local.get $literal)) (i32.const 8)))))
        (br $search)))
    (call $countLiterals (local.get $literal) (local.get $end))
    (local.get $sequence))

  (func $enter (param $at i32)
    (i32.store
      (i32.shl
        (i32.shr_u (i32.mul (i32.load (local.get $at)) (i32.const 0x9e3779b1)) (i32.const 18))
        (i32.const 2))
      (i32.add (local.get $at) (global.get $shift))))

  (func $countLiterals (param $from i32) (param $end i32)
    (local $cell i32)
    (block $counted
      (loop $count
        (br_if $counted (i32.ge_u (local.get $from) (local.get $end)))
        (local.set $cell
          (i32.add (global.get $LITERAL_COUNTS)
            (i32.shl (i32.load8_u (local.get $from)) (i32.const 2))))
        (i32.store (local.get $cell) (i32.add (i32.load (local.get $cell)) (i32.const 1)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (br $count))))

  ;; Adds the given number of bytes at INPUT to the sums.
  (func $addToSums (param $length i32)
    (local $at i32) (local $end i32) (local $stop i32) (local $a i32) (local $b i32)
    (local $bytes v128) (local $sums v128) (local $before v128) (local $weighted v128)
    (local.set $a (global.get $sum))
    (local.set $b (global.get $sumOfSums))
    (local.set $at (global.get $INPUT))
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $summed
      (loop $chunks
        (br_if $summed (i32.eq (local.get $at) (local.get $end)))
        ;; The most bytes that can be summed in 32 bits.
        (local.set $length
          (call $min (i32.sub (local.get $end) (local.get $at)) (i32.const 5552)))
        (local.set $stop (i32.add (local.get $at) (local.get $length)))
        (if (i32.ge_u (local.get $length) (i32.const 16))
          (then
            (local.set $length (i32.and (local.get $length) (i32.const -16)))
            (local.set $sums (v128.const i32x4 0 0 0 0))
            (local.set $before (v128.const i32x4 0 0 0 0))
            (local.set $weighted (v128.const i32x4 0 0 0 0))
            (local.set $b
              (i32.add (local.get $b) (i32.mul (local.get $a) (local.get $length))))
            (local.set $length (i32.add (local.get $at) (local.get $length)))
            (loop $vectors
              (local.set $bytes (v128.load (local.get $at)))
              (local.set $before (i32x4.add (local.get $before) (local.get $sums)))
              (local.set $sums
                (i32x4.add (local.get $sums)
                  (i32x4.extadd_pairwise_i16x8_u
                    (i16x8.extadd_pairwise_i8x16_u (local.get $bytes)))))
              (local.set $weighted
                (i32x4.add (local.get $weighted)
                  (i32x4.add
                    (i32x4.dot_i16x8_s (i16x8.extend_low_i8x16_u (local.get $bytes))
                      (v128.const i16x8 16 15 14 13 12 11 10 9))
                    (i32x4.dot_i16x8_s (i16x8.extend_high_i8x16_u (local.get $bytes))
                      (v128.const i16x8 8 7 6 5 4 3 2 1)))))
              (local.set $at (i32.add (local.get $at) (i32.const 16)))
              (br_if $vectors (i32.lt_u (local.get $at) (local.get $length))))
            (local.set $a (i32.add (local.get $a) (call $lanes (local.get $sums))))
            (local.set $b
              (i32.add (local.get $b)
                (i32.add (call $lanes (local.get $weighted))
                  (i32.shl (call $lanes (local.get $before)) (i32.const 4)))))))
        (block $single
          (loop $bytes
            (br_if $single (i32.eq (local.get $at) (local.get $stop)))
            (local.set $a (i32.add (local.get $a) (i32.load8_u (local.get $at))))
            (local.set $b (i32.add (local.get $b) (local.get $a)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $bytes)))
        (local.set $a (i32.rem_u (local.get $a) (i32.const 65521)))
        (local.set $b (i32.rem_u (local.get $b) (i32.const 65521)))
        (br $chunks)))
    (global.set $sum (local.get $a))
    (global.set $sumOfSums (local.get $b)))

  (func $lanes (param $vector v128) (result i32)
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $vector)) (i32x4.extract_lane 1 (local.get $vector)))
      (i32.add (i32x4.extract_lane 2 (local.get $vector)) (i32x4.extract_lane 3 (local.get $vector)))))

  ;; Deflates a part of the given length, at most INPUT_ROOM. Returns how many bytes of the zlib stream
  ;; are at OUTPUT.
  (func (export "deflate") (param $length i32) (param $isFirst i32) (param $isLast i32) (result i32)
    (local $at i32) (local $end i32) (local $blockEnd i32)
    (if (i32.gt_u (global.get $shift) (i32.const 0x40000000))
      (then
        (memory.fill (global.get $TABLE) (i32.const 0) (i32.const 65536))
        (global.set $shift (i32.const 32769))))
    (global.set $out (global.get $OUTPUT))
    (if (local.get $isFirst)
      (then
        (global.set $bits (i64.const 0))
        (global.set $held (i32.const 0))
        (global.set $sum (i32.const 1))
        (global.set $sumOfSums (i32.const 0))
        (call $put (i32.const 0x0178) (i32.const 16)))) ;; a reach of 32 KiB, quickest
    (local.set $at (global.get $INPUT))
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (loop $blocks
      (local.set $blockEnd
        (if (result i32)
            (i32.gt_u (i32.sub (local.get $end) (local.get $at))
              (i32.add (global.get $BLOCK) (i32.shr_u (global.get $BLOCK) (i32.const 2))))
          (then (i32.add (local.get $at) (global.get $BLOCK)))
          (else (local.get $end))))
      (call $writeBlock
        (local.get $at)
        (i32.sub (local.get $blockEnd) (local.get $at))
        (call $findSequences (local.get $at) (local.get $blockEnd))
        (i32.and (local.get $isLast) (i32.eq (local.get $blockEnd) (local.get $end))))
      (local.set $at (local.get $blockEnd))
      (br_if $blocks (i32.lt_u (local.get $at) (local.get $end))))
    (global.set $shift
      (i32.add (global.get $shift) (i32.add (local.get $length) (i32.const 32769))))
    (call $addToSums (local.get $length))
    (if (local.get $isLast)
      (then
        (if (global.get $held)
          (then (call $put (i32.const 0) (i32.sub (i32.const 8) (global.get $held)))))
        (call $putHighFirst (global.get $sumOfSums))
        (call $putHighFirst (global.get $sum))))
    (i32.sub (global.get $out) (global.get $OUTPUT)))

  (func $putHighFirst (param $value i32)
    (call $put
      (i32.or
        (i32.shr_u (local.get $value) (i32.const 8))
        (i32.shl (i32.and (local.get $value) (i32.const 255)) (i32.const 8)))
      (i32.const 16)))
)
