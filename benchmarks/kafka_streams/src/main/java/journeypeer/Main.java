package journeypeer;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import journeypeer.arrival.Arrival;
import journeypeer.same.Same;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/**
 * Folds a whole topic, and prints how long it took as one line of JSON: from the first record in hand until the offsets of the last
 * are committed and its transitions can be read by a reader of committed records.
 *
 * <p>Arguments: which fold (arrival, same), bootstrap servers, topic, application id (fresh each time), folder for the state, seconds at most,
 * commit interval in ms, runs. The first run of a JVM is interpreted and compiled while it is measured; those after it find it warm.
 */
public final class Main {
    private static final OperatingSystemMXBean SYSTEM = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    private static final AtomicReference<Throwable> FAILED = new AtomicReference<>();

    public static void main(String[] given) throws Exception {
        Peer peer = given[0].equals("same") ? new Same() : new Arrival();
        long until = System.nanoTime() + Duration.ofSeconds(Long.parseLong(given[5])).toNanos();
        int runs = Integer.parseInt(given[7]);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", given[1]))) {
            for (int run = 1; run <= runs; run++) {
                fold(peer, admin, given[1], given[2], settings(given[1], given[3] + "-" + run, given[4], given[6]), until);
            }
        }
        System.exit(0);
    }

    /** One run: a new application, from nothing to all of the topic. Prints what it took, and leaves nothing behind. */
    private static void fold(Peer peer, Admin admin, String bootstrap, String topic, Properties settings, long until) throws Exception {
        String application = settings.getProperty(StreamsConfig.APPLICATION_ID_CONFIG);
        String transitions = application + "-transitions";
        List<TopicPartition> in = partitions(admin, topic);
        Map<String, Integer> between = new HashMap<>();
        peer.between(in.size()).forEach((name, count) -> between.put(application + "-" + name, count));
        List<NewTopic> made = new ArrayList<>(List.of(new NewTopic(transitions, in.size(), (short) 1)));
        between.forEach((name, count) -> made.add(new NewTopic(name, count, (short) 1)));
        admin.createTopics(made).all().get();
        while (!areThere(admin, made.stream().map(NewTopic::name).toList())) pause(20, until);
        List<TopicPartition> out = in.stream().map(one -> new TopicPartition(transitions, one.partition())).toList();
        Map<TopicPartition, Long> ends = offsets(admin, in, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED);
        long wanted = sum(ends) - sum(offsets(admin, in, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED));

        Progress.begin();
        KafkaStreams streams = new KafkaStreams(peer.topology(topic, application, transitions), settings);
        streams.setUncaughtExceptionHandler(error -> {
            FAILED.compareAndSet(null, error);
            return StreamThreadExceptionResponse.SHUTDOWN_APPLICATION;
        });
        long usedBefore = SYSTEM.getProcessCpuTime();
        streams.start();
        while (Progress.touchpoints() < wanted || !Progress.isAllDone()) pause(5, until);
        long foldedAt = System.nanoTime();
        Map<TopicPartition, Long> reached = new HashMap<>(ends);
        Progress.last().forEach((place, last) -> reached.put(place, last.get() + 1));
        while (!isCommitted(admin, application, reached) || !isReadable(admin, out)) pause(5, until);
        long committedAt = System.nanoTime();
        long used = SYSTEM.getProcessCpuTime() - usedBefore;
        System.out.printf(
                Locale.ROOT,
                "{\"touchpoints\": %d, \"seconds\": %.4f, \"cpu_seconds\": %.4f, \"digest\": {%s}, \"detail\": {\"folded_seconds\": %.4f, \"transitions\": %d}}%n",
                Progress.touchpoints(), (committedAt - Progress.firstAt()) / 1e9, used / 1e9, Published.digest(bootstrap, out, until),
                (foldedAt - Progress.firstAt()) / 1e9, Progress.transitions());
        streams.close(Duration.ofSeconds(10));
        streams.cleanUp();
        // Gone at once, so that nobody compacts or keeps them while the next peer is measured.
        List<String> gone = admin.listTopics().names().get().stream().filter(one -> one.startsWith(application + "-")).toList();
        admin.deleteTopics(gone).all().get();
    }

    /** Tuned for this fold on two cores, by trying: see docs/performance.md. */
    private static Properties settings(String bootstrap, String application, String folder, String commitMs) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, folder);
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        // What happens in several topics at one time need not be processed in that order.
        settings.put(StreamsConfig.MAX_TASK_IDLE_MS_CONFIG, StreamsConfig.MAX_TASK_IDLE_MS_DISABLED);
        // Every commit flushes the cache to RocksDB and to the changelog, so a subject that comes often is written once an interval.
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, commitMs);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 256L * 1024 * 1024);
        settings.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 10_000);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5_000);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 * 1024 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 512 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 128L * 1024 * 1024);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        return settings;
    }

    // --- what is done

    private static boolean isCommitted(Admin admin, String group, Map<TopicPartition, Long> ends) throws Exception {
        var committed = admin.listConsumerGroupOffsets(group, new ListConsumerGroupOffsetsOptions().requireStable(true))
                .partitionsToOffsetAndMetadata()
                .get();
        return ends.entrySet().stream().allMatch(end -> {
            var one = committed.get(end.getKey());
            return end.getValue() == 0 || one != null && one.offset() >= end.getValue();
        });
    }

    /** A broker answers that topics are made before it tells others of them, and a peer that starts without them ends. */
    private static boolean areThere(Admin admin, List<String> topics) throws InterruptedException {
        try {
            admin.describeTopics(topics).allTopicNames().get();
            return true;
        } catch (ExecutionException notYet) {
            return false;
        }
    }

    private static boolean isReadable(Admin admin, List<TopicPartition> out) throws Exception {
        return offsets(admin, out, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
                .equals(offsets(admin, out, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED));
    }

    private static List<TopicPartition> partitions(Admin admin, String topic) throws Exception {
        int count = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
        return IntStream.range(0, count).mapToObj(one -> new TopicPartition(topic, one)).toList();
    }

    private static Map<TopicPartition, Long> offsets(Admin admin, List<TopicPartition> of, OffsetSpec spec, IsolationLevel level)
            throws Exception {
        var asked = of.stream().collect(Collectors.toMap(Function.identity(), one -> spec));
        Map<TopicPartition, Long> found = new HashMap<>();
        admin.listOffsets(asked, new ListOffsetsOptions(level)).all().get().forEach((one, info) -> found.put(one, info.offset()));
        return found;
    }

    private static long sum(Map<TopicPartition, Long> offsets) {
        return offsets.values().stream().mapToLong(Long::longValue).sum();
    }

    private static void pause(long ms, long until) throws InterruptedException {
        Throwable failed = FAILED.get();
        if (failed != null) {
            failed.printStackTrace();
            System.exit(1);
        }
        if (System.nanoTime() > until) {
            System.err.printf("not done in time: %d touchpoints folded%n", Progress.touchpoints());
            System.exit(2);
        }
        Thread.sleep(ms);
    }

    private Main() {}
}
