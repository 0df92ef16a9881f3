IF stored > 0 AND pg_try_advisory_xact_lock(5283946613) AND pg_notification_queue_usage() < 0.5
            AND current_setting('max_prepared_transactions') = '0'
        THEN
            PERFORM pg_notify('isthmus', '');
        END IF;
    EXCEPTION
        WHEN OTHERS THEN
            -- Whatever it was, the application's own statement goes on. A sweep finds what is missing here.
            GET STACKED DIAGNOSTICS fault_state = RETURNED_SQLSTATE, fault_message = MESSAGE_TEXT;
            RAISE WARNING 'isthmus could not capture this change: %', fault_message USING ERRCODE = fault_state;
            BEGIN
                INSERT INTO isthmus.capture_fault (step, operation, sqlstate, message)
                VALUES ({{step}}, TG_OP, fault_state, left(fault_message, 500));
            EXCEPTION
                WHEN OTHERS THEN
                    NULL;
            END;
    END;
    RETURN NULL;
END
