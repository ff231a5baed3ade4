;; Trees out of packs (gitformat-pack(5)), for looking up one name in each. packedTrees.ts tells what for.
;;
;; An *address* is a number of a pack times 2^44 and an offset in it, so that what was read of many packs
;; is told apart. The index of a pack has the pack's number and 256.
(module
  (import "" "memory" (memory 1))
  ;; Reads `length` bytes at an address to a place in the memory; gives back how many there were.
  (import "" "read" (func $read (param f64 i32 i32) (result i32)))
  ;; include zlib/inflate.wat

  ;; Where things lie in the memory behind that, in bytes.
  (global $NAME (export "NAME") i32 (i32.const 17408)) ;; 4096: the name that is looked up
  (global $ID (export "ID") i32 (i32.const 21504))     ;; 20: of a tree, then of the entry found in it
  (global $BLOCKS i32 (i32.const 22528))    ;; for each place for a block: its address and its end, 16 bytes
  (global $TREES i32 (i32.const 23040))     ;; for each place for a tree: its address and its size, 16 bytes
  (global $CHAIN i32 (i32.const 24576))     ;; 4096 deltas: address, data, its length, its size, 24 bytes
  (global $FANOUTS (export "FANOUTS") i32 (i32.const 90112)) ;; 16 of 1024: of the indexes of packs
  (global $IDS i32 (i32.const 106496))      ;; 2560: of a part of an index
  (global $DELTA i32 (i32.const 131072))    ;; TREE_ROOM: a delta
  (global $STRAY i32 (i32.const 196608))    ;; 131072: an entry that is not in one block
  (global $WORK i32 (i32.const 327680))     ;; 2 of TREE_ROOM: trees on the way to another
  (global $BLOCK_AT i32 (i32.const 458752)) ;; 16 of BLOCK_ROOM
  (global $TREE_AT i32 (i32.const 1572864)) ;; 32 of TREE_ROOM; 3670016 in all

  (global $TREE_ROOM i32 (i32.const 65536))
  ;; A block, and what entries that begin at its end mostly take.
  (global $BLOCK i32 (i32.const 65536))
  (global $BLOCK_ROOM i32 (i32.const 69632))
  (global $BLOCK_COUNT i32 (i32.const 16))
  (global $TREE_COUNT i32 (i32.const 32))
  (global $MOST_DELTAS i32 (i32.const 4096))
  (global $OFFSET i64 (i64.const 0xfffffffffff)) ;; the bits of an address that are the offset
  (global $PACK_HEADER i64 (i64.const 12))

  ;; Where what `$hold` was asked for ends.
  (global $heldEnd (mut i32) (i32.const 0))
  ;; What `$entry` has read: the type, the size of the data, where that begins, and the base.
  (global $kind (mut i32) (i32.const 0))
  (global $size (mut i32) (i32.const 0))
  (global $data (mut i64) (i64.const 0))
  (global $base (mut i64) (i64.const 0))
  ;; The tree that was made last, and the place that the next one takes.
  (global $tree (mut i32) (i32.const 0))
  (global $treeEnd (mut i32) (i32.const 0))
  (global $nextTree (mut i32) (i32.const 0))
  (global $mode (export "mode") (mut i32) (i32.const 0))

  ;; Makes `length` bytes at an address lie in the memory, fewer at the pack's end, and gives back where.
  (func $hold (param $address i64) (param $length i32) (result i32)
    (local $block i64) (local $inBlock i32) (local $slot i32) (local $row i32) (local $at i32)
    (local $got i32)
    (local.set $block (i64.shr_u (local.get $address) (i64.const 16)))
    (local.set $inBlock (i32.and (i32.wrap_i64 (local.get $address)) (i32.const 65535)))
    (if (i32.gt_u (i32.add (local.get $inBlock) (local.get $length)) (global.get $BLOCK_ROOM))
      (then
        (local.set $got (call $read (f64.convert_i64_u (local.get $address))
          (global.get $STRAY) (local.get $length)))
        (global.set $heldEnd (i32.add (global.get $STRAY) (local.get $got)))
        (return (global.get $STRAY))))
    (local.set $slot (i32.and (i32.wrap_i64 (local.get $block)) (i32.const 15)))
    (local.set $row (i32.add (global.get $BLOCKS) (i32.shl (local.get $slot) (i32.const 4))))
    (local.set $at (i32.add (global.get $BLOCK_AT)
      (i32.mul (local.get $slot) (global.get $BLOCK_ROOM))))
    ;; An empty place has the number 0, a block's is one more than its own.
    (if (i64.ne (i64.load (local.get $row)) (i64.add (local.get $block) (i64.const 1)))
      (then
        (i64.store (local.get $row) (i64.const 0))
        (local.set $got (call $read
          (f64.convert_i64_u (i64.shl (local.get $block) (i64.const 16)))
          (local.get $at) (global.get $BLOCK_ROOM)))
        (i64.store (local.get $row) (i64.add (local.get $block) (i64.const 1)))
        (i32.store offset=8 (local.get $row) (i32.add (local.get $at) (local.get $got)))))
    (local.set $got (i32.load offset=8 (local.get $row)))
    (local.set $at (i32.add (local.get $at) (local.get $inBlock)))
    (global.set $heldEnd (i32.add (local.get $at) (local.get $length)))
    (if (i32.gt_u (global.get $heldEnd) (local.get $got))
      (then (global.set $heldEnd (local.get $got))))
    (local.get $at))

  ;; Reads the header of an entry. Gives back whether it is a tree, or a delta whose base is in the pack,
  ;; of at most TREE_ROOM bytes.
  (func $entry (param $address i64) (result i32)
    (local $start i32) (local $at i32) (local $byte i32) (local $shift i32) (local $distance i64)
    (local.set $start (call $hold (local.get $address) (i32.const 32)))
    ;; None is shorter than that with the checksum behind its data.
    (if (i32.gt_u (i32.add (local.get $start) (i32.const 16)) (global.get $heldEnd))
      (then (return (i32.const 0))))
    (local.set $byte (i32.load8_u (local.get $start)))
    (local.set $at (i32.add (local.get $start) (i32.const 1)))
    (global.set $kind (i32.and (i32.shr_u (local.get $byte) (i32.const 4)) (i32.const 7)))
    (global.set $size (i32.and (local.get $byte) (i32.const 15)))
    (local.set $shift (i32.const 4))
    (block $sized
      (loop $more
        (br_if $sized (i32.eqz (i32.and (local.get $byte) (i32.const 128))))
        (if (i32.gt_u (local.get $shift) (i32.const 18)) (then (return (i32.const 0))))
        (local.set $byte (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (global.set $size (i32.or (global.get $size) (i32.shl
          (i32.and (local.get $byte) (i32.const 127)) (local.get $shift))))
        (local.set $shift (i32.add (local.get $shift) (i32.const 7)))
        (br $more)))
    (if (i32.gt_u (global.get $size) (global.get $TREE_ROOM)) (then (return (i32.const 0))))
    (if (i32.eq (global.get $kind) (i32.const 6))
      (then
        (local.set $byte (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $distance (i64.extend_i32_u (i32.and (local.get $byte) (i32.const 127))))
        (block $known
          (loop $more
            (br_if $known (i32.eqz (i32.and (local.get $byte) (i32.const 128))))
            (if (i64.gt_u (local.get $distance) (i64.const 0xffffffffff))
              (then (return (i32.const 0))))
            (local.set $byte (i32.load8_u (local.get $at)))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (local.set $distance (i64.or
              (i64.shl (i64.add (local.get $distance) (i64.const 1)) (i64.const 7))
              (i64.extend_i32_u (i32.and (local.get $byte) (i32.const 127)))))
            (br $more)))
        (if (i64.eqz (local.get $distance)) (then (return (i32.const 0))))
        (if (i64.gt_u
              (i64.add (local.get $distance) (global.get $PACK_HEADER))
              (i64.and (local.get $address) (global.get $OFFSET)))
          (then (return (i32.const 0))))
        (global.set $base (i64.sub (local.get $address) (local.get $distance))))
      (else (if (i32.ne (global.get $kind) (i32.const 2)) (then (return (i32.const 0))))))
    (global.set $data (i64.add (local.get $address)
      (i64.extend_i32_u (i32.sub (local.get $at) (local.get $start)))))
    (i32.const 1))

  ;; Inflates the data at an address, `size` bytes, to `to`. Gives back whether all is well.
  (func $inflateTo (param $data i64) (param $size i32) (param $to i32) (result i32)
    (local $at i32)
    ;; The most that zlib makes of this many bytes.
    (local.set $at (call $hold (local.get $data) (i32.add (i32.add (local.get $size) (i32.const 64))
      (i32.shr_u (local.get $size) (i32.const 9)))))
    (if (i32.lt_s
          (call $inflate (local.get $at) (i32.sub (global.get $heldEnd) (local.get $at))
            (local.get $to) (local.get $size))
          (i32.const 0))
      (then (return (i32.const 0))))
    (i32.eq (i32.sub (global.get $out) (local.get $to)) (local.get $size)))

  ;; The place where the tree of an entry is kept, or -1.
  (func $kept (param $address i64) (result i32)
    (local $i i32)
    (loop $each
      (if (i64.eq (local.get $address)
            (i64.load (i32.add (global.get $TREES) (i32.shl (local.get $i) (i32.const 4)))))
        (then (return (local.get $i))))
      (br_if $each (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (global.get $TREE_COUNT))))
    (i32.const -1))

  ;; Takes a place for a tree, empty as yet, and makes it the place of the last one.
  (func $take (result i32)
    (local $place i32)
    (local.set $place (global.get $nextTree))
    (global.set $nextTree (i32.rem_u
      (i32.add (local.get $place) (i32.const 1)) (global.get $TREE_COUNT)))
    (i64.store (i32.add (global.get $TREES) (i32.shl (local.get $place) (i32.const 4)))
      (i64.const 0))
    (global.set $tree (i32.add (global.get $TREE_AT)
      (i32.mul (local.get $place) (global.get $TREE_ROOM))))
    (local.get $place))

  (func $keep (param $place i32) (param $address i64)
    (local.set $place (i32.add (global.get $TREES) (i32.shl (local.get $place) (i32.const 4))))
    (i64.store (local.get $place) (local.get $address))
    (i32.store offset=8 (local.get $place) (i32.sub (global.get $treeEnd) (global.get $tree))))

  ;; Makes the tree of an entry, from the nearest that is kept; gives back whether that went well.
  (func $make (param $address i64) (result i32)
    (local $at i64) (local $deltas i32) (local $row i32) (local $place i32) (local $from i32)
    (local.set $at (local.get $address))
    (block $based
      (loop $down
        (local.set $place (call $kept (local.get $at)))
        (if (i32.ge_s (local.get $place) (i32.const 0))
          (then
            (global.set $tree (i32.add (global.get $TREE_AT)
              (i32.mul (local.get $place) (global.get $TREE_ROOM))))
            (global.set $treeEnd (i32.add (global.get $tree) (i32.load offset=8
              (i32.add (global.get $TREES) (i32.shl (local.get $place) (i32.const 4))))))
            (br $based)))
        (if (i32.eqz (call $entry (local.get $at))) (then (return (i32.const 0))))
        (if (i32.eq (global.get $kind) (i32.const 2))
          (then
            (local.set $place (call $take))
            (if (i32.eqz (call $inflateTo
                  (global.get $data) (global.get $size) (global.get $tree)))
              (then (return (i32.const 0))))
            (global.set $treeEnd (i32.add (global.get $tree) (global.get $size)))
            (call $keep (local.get $place) (local.get $at))
            (br $based)))
        (if (i32.eq (local.get $deltas) (global.get $MOST_DELTAS)) (then (return (i32.const 0))))
        (local.set $row (i32.add (global.get $CHAIN)
          (i32.mul (local.get $deltas) (i32.const 16))))
        (i64.store (local.get $row) (global.get $data))
        (i32.store offset=8 (local.get $row) (global.get $size))
        (local.set $deltas (i32.add (local.get $deltas) (i32.const 1)))
        (local.set $at (global.get $base))
        (br $down)))
    (block $made
      (loop $up
        (br_if $made (i32.eqz (local.get $deltas)))
        (local.set $deltas (i32.sub (local.get $deltas) (i32.const 1)))
        (local.set $row (i32.add (global.get $CHAIN)
          (i32.mul (local.get $deltas) (i32.const 16))))
        (if (i32.eqz (call $inflateTo (i64.load (local.get $row))
              (i32.load offset=8 (local.get $row)) (global.get $DELTA)))
          (then (return (i32.const 0))))
        (local.set $from (global.get $tree))
        (if (local.get $deltas)
          (then (global.set $tree (i32.add (global.get $WORK) (i32.mul
            (i32.and (local.get $deltas) (i32.const 1)) (global.get $TREE_ROOM)))))
          (else
            (local.set $place (call $take))
            ;; It was the one that is the base.
            (if (i32.eq (global.get $tree) (local.get $from))
              (then (local.set $place (call $take))))))
        (if (i32.eqz (call $apply (local.get $from) (global.get $treeEnd)
              (i32.load offset=8 (local.get $row))))
          (then (return (i32.const 0))))
        (br_if $up (local.get $deltas))
        (call $keep (local.get $place) (local.get $address))))
    (i32.const 1))

  ;; Reads a size of at most TREE_ROOM at the beginning of a delta and sets `$out` behind it; else -1.
  (func $deltaSize (param $end i32) (result i32)
    (local $byte i32) (local $shift i32) (local $size i32)
    (loop $more
      (if (i32.ge_u (global.get $out) (local.get $end)) (then (return (i32.const -1))))
      (if (i32.gt_u (local.get $shift) (i32.const 21)) (then (return (i32.const -1))))
      (local.set $byte (i32.load8_u (global.get $out)))
      (global.set $out (i32.add (global.get $out) (i32.const 1)))
      (local.set $size (i32.or (local.get $size) (i32.shl
        (i32.and (local.get $byte) (i32.const 127)) (local.get $shift))))
      (local.set $shift (i32.add (local.get $shift) (i32.const 7)))
      (br_if $more (i32.and (local.get $byte) (i32.const 128))))
    (if (i32.gt_u (local.get $size) (global.get $TREE_ROOM)) (then (return (i32.const -1))))
    (local.get $size))

  ;; Makes the last tree of the one at `from` by the delta of `length` bytes; gives back whether it fits.
  (func $apply (param $from i32) (param $fromEnd i32) (param $length i32) (result i32)
    (local $at i32) (local $end i32) (local $to i32) (local $toEnd i32) (local $op i32)
    (local $start i32) (local $size i32)
    (global.set $out (global.get $DELTA))
    (local.set $end (i32.add (global.get $DELTA) (local.get $length)))
    (if (i32.ne (call $deltaSize (local.get $end)) (i32.sub (local.get $fromEnd) (local.get $from)))
      (then (return (i32.const 0))))
    (local.set $size (call $deltaSize (local.get $end)))
    (if (i32.lt_s (local.get $size) (i32.const 0)) (then (return (i32.const 0))))
    (local.set $to (global.get $tree))
    (local.set $toEnd (i32.add (local.get $to) (local.get $size)))
    (global.set $treeEnd (local.get $toEnd))
    (local.set $at (global.get $out))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $op (i32.load8_u (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.and (local.get $op) (i32.const 128))
          (then
            (local.set $start (i32.const 0))
            (local.set $size (i32.const 0))
            (if (i32.and (local.get $op) (i32.const 1))
              (then
                (local.set $start (i32.load8_u (local.get $at)))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))))
            (if (i32.and (local.get $op) (i32.const 2))
              (then
                (local.set $start (i32.or (local.get $start)
                  (i32.shl (i32.load8_u (local.get $at)) (i32.const 8))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))))
            (if (i32.and (local.get $op) (i32.const 16))
              (then
                (local.set $size (i32.load8_u (local.get $at)))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))))
            (if (i32.and (local.get $op) (i32.const 32))
              (then
                (local.set $size (i32.or (local.get $size)
                  (i32.shl (i32.load8_u (local.get $at)) (i32.const 8))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))))
            ;; Places and sizes that take more bytes are none of trees this small.
            (if (i32.and (local.get $op) (i32.const 0x4c)) (then (return (i32.const 0))))
            (if (i32.eqz (local.get $size)) (then (local.set $size (i32.const 65536))))
            (local.set $start (i32.add (local.get $start) (local.get $from)))
            (if (i32.gt_u (i32.add (local.get $start) (local.get $size)) (local.get $fromEnd))
              (then (return (i32.const 0)))))
          (else
            (local.set $start (local.get $at))
            (local.set $size (local.get $op))
            (local.set $at (i32.add (local.get $at) (local.get $size)))))
        (if (i32.gt_u (local.get $at) (local.get $end)) (then (return (i32.const 0))))
        (if (i32.gt_u (local.get $size) (i32.sub (local.get $toEnd) (local.get $to)))
          (then (return (i32.const 0))))
        (memory.copy (local.get $to) (local.get $start) (local.get $size))
        (local.set $to (i32.add (local.get $to) (local.get $size)))
        (br $next)))
    (i32.eq (local.get $to) (local.get $toEnd)))

  ;; Looks for ID in the index of a pack (version 2, offsets of 31 bits). Gives back the address of the
  ;; entry; 0 when it is not where it most likely is, which may be anywhere else.
  (func $locate (param $pack i32) (result i64)
    (local $fanout i32) (local $low i32) (local $high i32) (local $guess i32) (local $wanted i32)
    (local $found i32) (local $index i64) (local $at i32) (local $middle i32) (local $start i32)
    (local.set $fanout (i32.add (global.get $FANOUTS)
      (i32.shl (local.get $pack) (i32.const 10))))
    (local.set $wanted (call $bigEndian (global.get $ID)))
    (local.set $at (i32.add (local.get $fanout)
      (i32.shl (i32.shr_u (local.get $wanted) (i32.const 24)) (i32.const 2))))
    (local.set $high (call $bigEndian (local.get $at)))
    (if (i32.ne (local.get $at) (local.get $fanout))
      (then (local.set $low (call $bigEndian (i32.sub (local.get $at) (i32.const 4))))))
    (if (i32.ge_u (local.get $low) (local.get $high)) (then (return (i64.const 0))))
    ;; Ids are spread evenly.
    (local.set $guess (i32.add (local.get $low) (i32.wrap_i64 (i64.shr_u
      (i64.mul (i64.extend_i32_u (i32.sub (local.get $high) (local.get $low)))
        (i64.extend_i32_u (i32.and (local.get $wanted) (i32.const 0xffffff))))
      (i64.const 24)))))
    (if (i32.gt_u (i32.sub (local.get $guess) (local.get $low)) (i32.const 64))
      (then (local.set $low (i32.sub (local.get $guess) (i32.const 64)))))
    (if (i32.gt_u (i32.sub (local.get $high) (local.get $guess)) (i32.const 64))
      (then (local.set $high (i32.add (local.get $guess) (i32.const 64)))))
    (local.set $index (i64.shl
      (i64.extend_i32_u (i32.add (local.get $pack) (i32.const 256))) (i64.const 44)))
    ;; Ids begin at 1032.
    (local.set $at (i32.mul (i32.sub (local.get $high) (local.get $low)) (i32.const 20)))
    (if (i32.ne (local.get $at) (call $read
          (f64.convert_i64_u (i64.add (local.get $index) (i64.add (i64.const 1032)
            (i64.mul (i64.extend_i32_u (local.get $low)) (i64.const 20)))))
          (global.get $IDS) (local.get $at)))
      (then (return (i64.const 0))))
    (local.set $start (local.get $low))
    (block $here
      (loop $halve
        (if (i32.ge_u (local.get $low) (local.get $high)) (then (return (i64.const 0))))
        (local.set $middle (i32.shr_u
          (i32.add (local.get $low) (local.get $high)) (i32.const 1)))
        (local.set $at (i32.add (global.get $IDS) (i32.mul
          (i32.sub (local.get $middle) (local.get $start)) (i32.const 20))))
        (local.set $found (call $bigEndian (local.get $at)))
        (br_if $here (i32.eq (local.get $found) (local.get $wanted)))
        (if (i32.lt_u (local.get $found) (local.get $wanted))
          (then (local.set $low (i32.add (local.get $middle) (i32.const 1))))
          (else (local.set $high (local.get $middle))))
        (br $halve)))
    (if (i64.ne (i64.load offset=4 (local.get $at)) (i64.load offset=4 (global.get $ID)))
      (then (return (i64.const 0))))
    (if (i64.ne (i64.load offset=12 (local.get $at)) (i64.load offset=12 (global.get $ID)))
      (then (return (i64.const 0))))
    ;; Offsets come behind all ids and as many checksums of 4 bytes.
    (if (i32.ne (i32.const 4) (call $read
          (f64.convert_i64_u (i64.add (local.get $index) (i64.add (i64.const 1032) (i64.add
            (i64.mul (i64.extend_i32_u (call $bigEndian
              (i32.add (local.get $fanout) (i32.const 1020)))) (i64.const 24))
            (i64.mul (i64.extend_i32_u (local.get $middle)) (i64.const 4))))))
          (global.get $IDS) (i32.const 4)))
      (then (return (i64.const 0))))
    (local.set $at (call $bigEndian (global.get $IDS)))
    (if (i32.lt_s (local.get $at) (i32.const 0)) (then (return (i64.const 0))))
    (i64.or (i64.shl (i64.extend_i32_u (local.get $pack)) (i64.const 44))
      (i64.extend_i32_u (local.get $at))))

  ;; Looks up the name, `length` bytes, in the tree whose id is ID. Gives back 1 when it has it: `mode`
  ;; and ID tell what; 0 when it has not; -1 when that cannot be told here; -2 when no such tree was
  ;; found in the pack.
  (func (export "find") (param $pack i32) (param $length i32) (result i32)
    (local $address i64)
    (local.set $address (call $locate (local.get $pack)))
    (if (i64.eqz (local.get $address)) (then (return (i32.const -2))))
    (call $lookUp (local.get $address) (local.get $length)))

  ;; The same in the tree whose entry is at an address.
  (func (export "findAt") (param $address f64) (param $length i32) (result i32)
    (call $lookUp (i64.trunc_f64_u (local.get $address)) (local.get $length)))

  (func $lookUp (param $address i64) (param $length i32) (result i32)
    (local $at i32) (local $last i32) (local $byte i32) (local $digits i32) (local $i i32)
    (local $name i32)
    (if (i32.eqz (call $make (local.get $address))) (then (return (i32.const -1))))
    (local.set $at (global.get $tree))
    ;; Where the last id must begin at the latest.
    (local.set $last (i32.sub (global.get $treeEnd) (i32.const 20)))
    (loop $next
      (if (i32.eq (local.get $at) (global.get $treeEnd)) (then (return (i32.const 0))))
      (global.set $mode (i32.const 0))
      (local.set $digits (i32.const 0))
      (block $moded
        (loop $digit
          (if (i32.ge_s (local.get $at) (local.get $last)) (then (return (i32.const -1))))
          (local.set $byte (i32.load8_u (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $moded (i32.eq (local.get $byte) (i32.const 32)))
          (if (i32.ne (i32.and (local.get $byte) (i32.const 0xf8)) (i32.const 48))
            (then (return (i32.const -1))))
          (global.set $mode (i32.or (i32.shl (global.get $mode) (i32.const 3))
            (i32.and (local.get $byte) (i32.const 7))))
          (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
          (br $digit)))
      (if (i32.gt_u (i32.sub (local.get $digits) (i32.const 1)) (i32.const 5))
        (then (return (i32.const -1))))
      (if (i32.gt_u (global.get $mode) (i32.const 0xffff)) (then (return (i32.const -1))))
      (local.set $name (local.get $at))
      (block $named
        (loop $letter
          (if (i32.ge_s (local.get $at) (local.get $last)) (then (return (i32.const -1))))
          (br_if $named (i32.eqz (i32.load8_u (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br $letter)))
      (if (i32.eq (local.get $at) (local.get $name)) (then (return (i32.const -1))))
      (block $other
        (br_if $other (i32.ne (i32.sub (local.get $at) (local.get $name)) (local.get $length)))
        (local.set $i (i32.const 0))
        (loop $same
          (br_if $other (i32.ne
            (i32.load8_u (i32.add (local.get $name) (local.get $i)))
            (i32.load8_u (i32.add (global.get $NAME) (local.get $i)))))
          (br_if $same (i32.lt_u
            (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $length))))
        (memory.copy (global.get $ID) (i32.add (local.get $at) (i32.const 1)) (i32.const 20))
        (return (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 21)))
      (br $next))
    (i32.const -1)))
