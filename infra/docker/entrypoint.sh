#!/bin/sh
# Starts the service of the image. Node sizes its heap by the machine; here it gets HEAP_PERCENT of the container's memory, since
# buffers, images and code are outside of the heap.
set -eu
if [ "$SERVICE" = cli ]; then main=packages/cli/dist/main.js; else main="services/$SERVICE/dist/main.js"; fi
limit=$(cat "${CGROUP_MEMORY_FILE:-/sys/fs/cgroup/memory.max}" 2>/dev/null || echo max)
if [ "$limit" != max ]; then
  exec node "--max-old-space-size=$((limit / 1048576 * ${HEAP_PERCENT:-60} / 100))" "$main" "$@"
fi
exec node "$main" "$@"
