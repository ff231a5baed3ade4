;; Inflating (inflate.wat) and SHA-1 (FIPS 180-4, section 6.1). firstCodecs.ts tells what for.
;;
;; The caller puts bytes at INPUT, at most INPUT_ROOM, and finds what comes out at OUTPUT or DIGEST.
(module
  (memory (export "memory") 5)
  ;; include zlib/inflate.wat

  ;; Where things lie in the memory behind that, in bytes.
  (global $WORDS i32 (i32.const 17408))       ;; 80 of 32 bits: message schedule of SHA-1
  (global $DIGEST (export "DIGEST") i32 (i32.const 17728)) ;; 20: its result
  (global $INPUT (export "INPUT") i32 (i32.const 18432))
  (global $INPUT_ROOM (export "INPUT_ROOM") i32 (i32.const 145336)) ;; less than there is by 72
  (global $OUTPUT (export "OUTPUT") i32 (i32.const 163840))
  (global $OUTPUT_ROOM (export "OUTPUT_ROOM") i32 (i32.const 163840))

  ;; Inflates what lies at the beginning of the input, as `$inflate` does.
  (func (export "inflate") (param $length i32) (param $room i32) (result i32)
    (call $inflate
      (global.get $INPUT) (local.get $length) (global.get $OUTPUT) (local.get $room)))

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
