;; A walk through the rows of a commit-graph file, from commit to first parent. graphWalk.ts tells what
;; for, and what lies in the memory.
;;
;; Commits lie in the order of their ids, so each step of a walk goes somewhere else. What it needs is put
;; into a small table first, a word for each commit: that is done in order, which is much quicker.
(module
  (import "" "memory" (memory 1))

  ;; Where the table begins, the rows of the file do, how many there are, and the position of the first.
  (global $table (export "table") (mut i32) (i32.const 0))
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

  ;; Puts the position of each commit's first parent into the table, 0x70000000 where it has none.
  (func (export "gather")
    (local $at i32) (local $to i32) (local $end i32) (local $parent i32)
    (local.set $at (i32.add (global.get $rows) (i32.const 20)))
    (local.set $to (global.get $table))
    (local.set $end
      (i32.add (local.get $to) (i32.shl (global.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $to) (local.get $end)))
        (local.set $parent (call $bigEndian (local.get $at)))
        ;; No position needs the highest bit.
        (if (i32.lt_s (local.get $parent) (i32.const 0))
          (then (local.set $parent (i32.const 0x7fffffff))))
        (i32.store (local.get $to) (local.get $parent))
        (local.set $at (i32.add (local.get $at) (i32.const 36)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (br $next))))

  ;; Sets the highest bit of a commit's word in the table where its filter may hold all of the `keys`
  ;; hashes at the beginning of the memory, and clears it elsewhere.
  (func (export "ask") (param $keys i32)
    (local $to i32) (local $last i32) (local $endAt i32) (local $start i32) (local $end i32)
    (local $bits i32) (local $bit i32) (local $key i32) (local $mayHold i32)
    (local.set $keys (i32.shl (local.get $keys) (i32.const 2)))
    (local.set $endAt (global.get $ends))
    (local.set $to (global.get $table))
    (local.set $last
      (i32.add (local.get $to) (i32.shl (global.get $count) (i32.const 2))))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $to) (local.get $last)))
        (local.set $end (call $bigEndian (local.get $endAt)))
        (local.set $mayHold (i32.const 0x80000000))
        (block $told
          (br_if $told (i32.ge_u (local.get $start) (local.get $end)))
          (br_if $told (i32.gt_u (local.get $end) (global.get $filtersLength)))
          (local.set $bits (i32.sub (local.get $end) (local.get $start)))
          ;; As bits they would not fit into a number.
          (br_if $told (i32.gt_u (local.get $bits) (i32.const 0xfffffff)))
          (local.set $bits (i32.shl (local.get $bits) (i32.const 3)))
          (local.set $start (i32.add (global.get $filters) (local.get $start)))
          (local.set $key (i32.const 0))
          (loop $each
            (local.set $bit (i32.rem_u (i32.load (local.get $key)) (local.get $bits)))
            (if (i32.and (i32.const 1) (i32.shr_u
                  (i32.load8_u
                    (i32.add (local.get $start) (i32.shr_u (local.get $bit) (i32.const 3))))
                  (i32.and (local.get $bit) (i32.const 7))))
              (then
                (local.set $key (i32.add (local.get $key) (i32.const 4)))
                (br_if $each (i32.lt_u (local.get $key) (local.get $keys))))
              (else (local.set $mayHold (i32.const 0))))))
        (i32.store (local.get $to) (i32.or (local.get $mayHold)
          (i32.and (i32.load (local.get $to)) (i32.const 0x7fffffff))))
        (local.set $start (local.get $end))
        (local.set $endAt (i32.add (local.get $endAt) (i32.const 4)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (br $next))))

  ;; Goes on from `position`, from a commit to its first parent. With `changes` it stops at the next commit
  ;; whose highest bit is set, which may be the one where it is. Gives back why it stopped
  ;; (graphWalk.ts, `Stop`).
  (func (export "walk") (param $changes i32) (result i32)
    (local $position i32) (local $left i32) (local $row i32) (local $word i32) (local $stop i32)
    (local.set $position (global.get $position))
    (local.set $left (global.get $left))
    (if (local.get $changes) (then (local.set $changes (i32.const 0x80000000))))
    (block $stopped
      (loop $next
        (local.set $row (i32.sub (local.get $position) (global.get $first)))
        (local.set $stop (i32.const 3))
        (br_if $stopped (i32.ge_u (local.get $row) (global.get $count)))
        (local.set $word (i32.load
          (i32.add (global.get $table) (i32.shl (local.get $row) (i32.const 2)))))
        (local.set $stop (i32.const 1))
        (br_if $stopped (i32.and (local.get $word) (local.get $changes)))
        (local.set $stop (i32.const 0))
        (br_if $stopped (i32.eqz (local.get $left)))
        (local.set $stop (i32.const 2))
        (local.set $word (i32.and (local.get $word) (i32.const 0x7fffffff)))
        (br_if $stopped (i32.eq (local.get $word) (i32.const 0x70000000)))
        (local.set $position (local.get $word))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (global.set $position (local.get $position))
    (global.set $left (local.get $left))
    (local.get $stop)))
