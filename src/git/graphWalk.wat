;; A walk through the rows of a commit-graph file, from commit to first parent. graphWalk.ts tells what
;; for, and what lies in the memory.
(module
  (import "" "memory" (memory 1))

  ;; Where the rows of the file begin, how many there are, and the position of the first commit.
  (global $rows (export "rows") (mut i32) (i32.const 0))
  (global $count (export "count") (mut i32) (i32.const 0))
  (global $first (export "first") (mut i32) (i32.const 0))
  ;; Where the ends of the filters begin, where the filters do, and their length.
  (global $ends (export "ends") (mut i32) (i32.const 0))
  (global $filters (export "filters") (mut i32) (i32.const 0))
  (global $filtersLength (export "filtersLength") (mut i32) (i32.const 0))
  ;; Where the walk is, and how many steps it may still take.
  (global $position (export "position") (mut i32) (i32.const 0))
  (global $left (export "left") (mut i32) (i32.const 0))

  (func $bigEndian (param $at i32) (result i32)
    (local $word i32)
    (local.set $word (i32.load (local.get $at)))
    (i32.or
      (i32.rotl (i32.and (local.get $word) (i32.const 0x00ff00ff)) (i32.const 24))
      (i32.rotl (i32.and (local.get $word) (i32.const 0xff00ff00)) (i32.const 8))))

  ;; Whether the filter of a row may hold all of the `keys` hashes at the beginning of the memory.
  (func $mayHold (param $row i32) (param $keys i32) (result i32)
    (local $at i32) (local $start i32) (local $end i32) (local $bits i32) (local $bit i32)
    (local.set $at (i32.add (global.get $ends) (i32.shl (local.get $row) (i32.const 2))))
    (local.set $end (call $bigEndian (local.get $at)))
    (if (local.get $row)
      (then (local.set $start
        (call $bigEndian (i32.sub (local.get $at) (i32.const 4))))))
    (if (i32.ge_u (local.get $start) (local.get $end)) (then (return (i32.const 1))))
    (if (i32.gt_u (local.get $end) (global.get $filtersLength)) (then (return (i32.const 1))))
    (local.set $bits (i32.sub (local.get $end) (local.get $start)))
    ;; As bits they would not fit into a number.
    (if (i32.gt_u (local.get $bits) (i32.const 0xfffffff)) (then (return (i32.const 1))))
    (local.set $bits (i32.shl (local.get $bits) (i32.const 3)))
    (local.set $start (i32.add (global.get $filters) (local.get $start)))
    (local.set $at (i32.const 0))
    (loop $key
      (local.set $bit (i32.rem_u (i32.load (local.get $at)) (local.get $bits)))
      (if (i32.eqz (i32.and (i32.const 1) (i32.shr_u
            (i32.load8_u (i32.add (local.get $start) (i32.shr_u (local.get $bit) (i32.const 3))))
            (i32.and (local.get $bit) (i32.const 7)))))
        (then (return (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $key (local.tee $keys (i32.sub (local.get $keys) (i32.const 1)))))
    (i32.const 1))

  ;; Goes on from `position`, from a commit to its first parent. With `keys` it stops at the next commit
  ;; whose filter may hold so many hashes, which may be the one where it is. Gives back why it stopped
  ;; (graphWalk.ts, `Stop`).
  (func (export "walk") (param $keys i32) (result i32)
    (local $position i32) (local $left i32) (local $row i32) (local $parent i32) (local $stop i32)
    (local $first i32) (local $count i32) (local $rows i32)
    (local.set $position (global.get $position))
    (local.set $left (global.get $left))
    (local.set $first (global.get $first))
    (local.set $count (global.get $count))
    (local.set $rows (i32.add (global.get $rows) (i32.const 20)))
    (block $stopped
      (loop $next
        (local.set $row (i32.sub (local.get $position) (local.get $first)))
        (local.set $stop (i32.const 3))
        (br_if $stopped (i32.ge_u (local.get $row) (local.get $count)))
        (local.set $parent (i32.load (i32.add (local.get $rows)
          (i32.mul (local.get $row) (i32.const 36)))))
        (if (local.get $keys)
          (then
            (local.set $stop (i32.const 1))
            (br_if $stopped (call $mayHold (local.get $row) (local.get $keys)))))
        (local.set $stop (i32.const 0))
        (br_if $stopped (i32.eqz (local.get $left)))
        ;; As it lies, with the highest byte first: 0x70000000.
        (local.set $stop (i32.const 2))
        (br_if $stopped (i32.eq (local.get $parent) (i32.const 0x70)))
        (local.set $position (i32.or
          (i32.rotl (i32.and (local.get $parent) (i32.const 0x00ff00ff)) (i32.const 24))
          (i32.rotl (i32.and (local.get $parent) (i32.const 0xff00ff00)) (i32.const 8))))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (global.set $position (local.get $position))
    (global.set $left (local.get $left))
    (local.get $stop)))
