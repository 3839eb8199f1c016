package journeypeer;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.RecordMetadata;

/** How far a run has come, counted by its processors. */
public final class Progress {
    private static final AtomicLong FIRST_AT = new AtomicLong();
    private static final LongAdder ARRIVED = new LongAdder();
    private static final LongAdder MOVED = new LongAdder();
    private static final LongAdder SENT = new LongAdder();
    private static final LongAdder DONE = new LongAdder();
    private static final Map<TopicPartition, AtomicLong> LAST = new ConcurrentHashMap<>();

    static void begin() {
        FIRST_AT.set(0);
        ARRIVED.reset();
        MOVED.reset();
        SENT.reset();
        DONE.reset();
        LAST.clear();
    }

    /** A touchpoint was processed. */
    public static void arrived() {
        ARRIVED.increment();
    }

    /** A touchpoint is in hand. */
    public static void inHand() {
        if (FIRST_AT.get() == 0) FIRST_AT.compareAndSet(0, System.nanoTime());
    }

    /** A transition was told, or taken back. */
    public static void moved() {
        MOVED.increment();
    }

    /** A record goes to a topic between processors. Counted before it does, so that there are never more done than sent. */
    public static void sent() {
        SENT.increment();
    }

    /** The record of a topic between processors that the context is at was processed, and all that it brought about was sent. */
    public static void done(ProcessorContext<?, ?> context) {
        RecordMetadata at = context.recordMetadata().orElseThrow();
        TopicPartition place = new TopicPartition(at.topic(), at.partition());
        AtomicLong last = LAST.get(place);
        if (last == null) last = LAST.computeIfAbsent(place, one -> new AtomicLong());
        last.set(at.offset());
        DONE.increment();
    }

    static long firstAt() {
        return FIRST_AT.get();
    }

    static long touchpoints() {
        return ARRIVED.sum();
    }

    static long transitions() {
        return MOVED.sum();
    }

    static boolean isAllDone() {
        // Done is read first: what is sent meanwhile makes them differ.
        long done = DONE.sum();
        return done == SENT.sum();
    }

    /** The last record processed of each topic between processors. */
    static Map<TopicPartition, AtomicLong> last() {
        return LAST;
    }

    private Progress() {}
}
